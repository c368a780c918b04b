// What the flushes of the log promise: each act waits for the one that covers it, and the event loop for none.
import { copyFileSync, readFileSync, statSync, utimesSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync, StatementSync } from 'node:sqlite'
import { setImmediate as turn } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { StorageAdapter } from '../../src/ledger/storage-adapter.ts'
import { embeddedStorage } from '../../src/storage/embedded.ts'
import { openFile } from '../../src/storage/sqlite-file.ts'
import type { Flush } from '../../src/storage/sqlite-log.ts'
import { sqliteStorage } from '../../src/storage/sqlite.ts'
import { drawWith } from '../../src/testing/conformance/draw.ts'
import { creditAct, expectBalance, holdAct, race, settleAct } from '../../src/testing/conformance/subject.ts'
import { SlowDisk, someTurns } from '../support/slow-disk.ts'

let folder: string
let files = 0
const freshPath = () => join(folder, `${++files}.db`)

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lava-log-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function openedWith(flush: Flush, path = freshPath()): Promise<StorageAdapter> {
  const storage = embeddedStorage('test', () => openFile({ path, synchronous: 'full', busyTimeoutMs: 5000 }, { flush }))
  await storage.open()
  return storage
}

test('answers no act before it is on the disk, and goes on meanwhile', async () => {
  const disk = new SlowDisk()
  const storage = await openedWith(disk.flush)
  const told: string[] = []
  const tell = (name: string) => () => void told.push(name)
  const first = storage.credit(creditAct('first', '3')).then(tell('first'))
  await disk.begins()
  // Each in a turn of its own, and so in a group of its own.
  const later = []
  for (const name of ['second', 'third', 'fourth']) {
    later.push(storage.credit(creditAct(name, '3')).then(tell(name)))
    await someTurns()
  }
  // All are committed; the flush under way began before three of them.
  await expectBalance(storage, { bundle: '12' })
  expect([told, disk.begun]).toEqual([[], 1])
  await disk.end()
  await first
  await someTurns()
  expect([told, disk.begun]).toEqual([['first'], 2])
  await disk.end()
  await Promise.all(later)
  expect([told, disk.begun]).toEqual([['first', 'second', 'third', 'fourth'], 2])
  await storage.close()
})

test('gathers the acts that come while a flush is under way, once they are many', async () => {
  const disk = new SlowDisk()
  const storage = await openedWith(disk.flush)
  const first = storage.credit(creditAct('first', '1'))
  await disk.begins()
  const run = vi.spyOn(StatementSync.prototype, 'run')
  const commits = () =>
    run.mock.contexts.filter((of) => of instanceof StatementSync && of.sourceSQL === 'COMMIT').length
  const gathered = race(5, (index) => storage.credit(creditAct(`early-${index}`, '1')))
  await someTurns()
  const more = race(5, (index) => storage.credit(creditAct(`late-${index}`, '1')))
  await someTurns()
  expect(commits()).toBe(0)
  await disk.end()
  await first
  await disk.begins()
  expect(commits()).toBe(1)
  run.mockRestore()
  await disk.end()
  await Promise.all([gathered, more])
  await expectBalance(storage, { bundle: '11' })
  await storage.close()
})

test('covers the acts that were gathered by the flush after the one that they waited for', async () => {
  const disk = new SlowDisk()
  const storage = await openedWith(disk.flush)
  const first = storage.credit(creditAct('first', '1'))
  await disk.begins()
  const few = storage.credit(creditAct('few', '1'))
  await someTurns()
  const many = race(6, (index) => storage.credit(creditAct(`many-${index}`, '1')))
  await someTurns()
  await disk.end()
  await first
  await disk.end()
  await Promise.all([few, many])
  expect(disk.begun).toBe(2)
  await storage.close()
})

test('rejects all that a flush which fails leaves in doubt, and carries it out once when it is repeated', async () => {
  const disk = new SlowDisk()
  const storage = await openedWith(disk.flush)
  const first = Promise.allSettled([storage.credit(creditAct('first', '3')), storage.hold(holdAct('request', '1'))])
  await disk.begins()
  const behind = Promise.allSettled([storage.credit(creditAct('behind', '4'))])
  await someTurns()
  await disk.end(new Error('EIO'))
  for (const result of [...(await first), ...(await behind)])
    expect(result).toMatchObject({
      status: 'rejected',
      reason: { message: expect.stringContaining('may be lost') as unknown, cause: new Error('EIO') },
    })

  const again = Promise.all([
    storage.credit(creditAct('first', '3')),
    storage.hold(holdAct('request', '1')),
    storage.credit(creditAct('behind', '4')),
  ])
  await disk.end()
  expect((await again).map(({ outcome }) => outcome)).toEqual(['duplicate', 'duplicate', 'duplicate'])
  await expectBalance(storage, { bundle: '7', held: '1' })
  await storage.close()
})

test('writes the log anew after a flush that failed, and only then', async () => {
  const path = freshPath()
  let failure: Error | null = null
  const storage = await openedWith((_, done) => setImmediate(done, failure), path)
  await storage.credit(creditAct('grant', '3'))
  const log = `${path}-wal`
  /** Whether an act that changes nothing has the log written. */
  const isWritten = async () => {
    utimesSync(log, 0, 0)
    const before = readFileSync(log)
    expect((await storage.credit(creditAct('grant', '3'))).outcome).toBe('duplicate')
    expect(readFileSync(log).equals(before)).toBe(true)
    return statSync(log).mtimeMs > 0
  }
  expect(await isWritten()).toBe(false)
  failure = new Error('EIO')
  await expect(storage.credit(creditAct('lost', '3'))).rejects.toThrow('may be lost')
  failure = null
  expect([await isWritten(), await isWritten()]).toEqual([true, false])
  await storage.close()
})

test('waits for the flush under way, and for those after it, before it closes', async () => {
  const disk = new SlowDisk()
  const path = freshPath()
  const storage = await openedWith(disk.flush, path)
  const told: string[] = []
  const first = storage.credit(creditAct('first', '1')).then(() => told.push('first'))
  await disk.begins()
  const later = race(300, (index) => storage.credit(creditAct(`later-${index}`, '1')))
  const closed = Promise.all([later, storage.close()]).then(() => told.push('closed'))
  await disk.end()
  await first
  await disk.begins()
  await someTurns()
  expect(told).toEqual(['first'])
  await disk.end()
  await closed
  expect([told, disk.begun]).toEqual([['first', 'closed'], 2])

  const again = await openedWith((_, done) => done(null), path)
  await expectBalance(again, { bundle: '301' })
  await again.close()
})

test('closes after a flush that failed', async () => {
  const disk = new SlowDisk()
  const path = freshPath()
  const storage = await openedWith(disk.flush, path)
  const first = storage.credit(creditAct('first', '1'))
  await disk.begins()
  const closed = storage.close()
  await disk.end(new Error('EIO'))
  await expect(first).rejects.toThrow('may be lost')
  await closed
  const again = sqliteStorage({ path })
  await again.open()
  await expectBalance(again, { bundle: '1' })
  await again.close()
})

test('answers a hold that may be durable later once it is made', async () => {
  const disk = new SlowDisk()
  const storage = await openedWith(disk.flush)
  const told: string[] = []
  const credited = storage.credit(creditAct('grant', '5')).then(() => told.push('credited'))
  const held = await storage.hold(holdAct('request', '2', { durable_later: true }))
  if (held.outcome !== 'held') throw new Error(held.outcome)
  await expectBalance(storage, { bundle: '5', held: '2' })
  const durable = held.durable?.then((nothing) => told.push(`durable ${String(nothing)}`))
  const other = storage.hold(holdAct('other', '1')).then((outcome) => {
    told.push('durable' in outcome ? 'early' : 'other')
  })
  await someTurns()
  expect([told, disk.begun]).toEqual([[], 1])
  await disk.end()
  await Promise.all([durable, credited])
  expect(told.sort()).toEqual(['credited', 'durable undefined'])
  await disk.end()
  await other
  expect(told).toContain('other')
  await storage.close()
})

test('tells who looks that a hold may be lost, and troubles nobody who does not', async () => {
  const unhandled = vi.fn()
  process.on('unhandledRejection', unhandled)
  const disk = new SlowDisk()
  const storage = await openedWith(disk.flush)
  const requires = 'nothing'
  const hold = (id: string) => storage.hold(holdAct(id, '1', { requires, durable_later: true }))
  const [seen] = await Promise.all([hold('seen'), hold('unseen')])
  await disk.end(new Error('EIO'))
  if (seen.outcome !== 'held') throw new Error(seen.outcome)
  await expect(seen.durable).rejects.toThrow('may be lost')
  await someTurns()
  expect(unhandled).not.toHaveBeenCalled()
  process.off('unhandledRejection', unhandled)
  await storage.close()
})

test('flushes by itself where there is a log and `full` asks for it; elsewhere SQLite does as it is told', async () => {
  const exec = vi.spyOn(DatabaseSync.prototype, 'exec')
  const modeOf = async (path: string, synchronous: 'full' | 'normal') => {
    exec.mockClear()
    const storage = sqliteStorage({ path, synchronous })
    await storage.open()
    const held = await storage.hold(holdAct('request', '1', { requires: 'nothing', durable_later: true }))
    await storage.close()
    const pragmas = exec.mock.calls.map(([sql]) => sql).filter((sql) => sql.includes('synchronous'))
    return [...pragmas, 'durable' in held]
  }
  expect(await modeOf(freshPath(), 'full')).toEqual(['PRAGMA synchronous = normal', true])
  expect(await modeOf(freshPath(), 'normal')).toEqual(['PRAGMA synchronous = normal', false])
  expect(await modeOf(':memory:', 'full')).toEqual(['PRAGMA synchronous = full', false])
  exec.mockRestore()
})

test('has on the disk what it has answered, whenever the power is cut', async () => {
  const draw = drawWith(5)
  const path = freshPath()
  let copies = 0
  let onDisk: string | null = null
  // What a flush surely brings to the disk is what the files hold when it begins.
  const storage = await openedWith((_, done) => {
    const copy = join(folder, `copy-${++copies}.db`)
    for (const part of ['', '-wal']) copyFileSync(path + part, copy + part)
    const turns = draw(4)
    void (async () => {
      for (let count = 0; count <= turns; count++) await turn()
      onDisk = copy
      done(null)
    })()
  }, path)
  const answered: string[] = []
  const cuts: { copy: string; answered: string[] }[] = []
  await race(20, async (caller) => {
    for (let count = 0; count < 10; count++) {
      const id = `${caller}-${count}`
      const held = await storage.hold(holdAct(id, '1', { requires: 'nothing', durable_later: true }))
      if (held.outcome === 'held') await held.durable
      answered.push(`pending ${id}`)
      await storage.settle(settleAct(id, '1'))
      answered.push(`completed ${id}`)
      if (onDisk !== null && draw(20) === 0) cuts.push({ copy: onDisk, answered: [...answered] })
    }
  })
  await storage.close()
  expect(cuts.length).toBeGreaterThan(3)
  for (const cut of cuts) {
    const after = sqliteStorage({ path: cut.copy })
    await after.open()
    for (const line of cut.answered) {
      const [status, id = ''] = line.split(' ')
      expect((await after.request(id))?.status).toMatch(status === 'pending' ? /./ : /^completed$/)
    }
    await after.close()
  }
})

test('lets no hold be told of before it is on the disk, once the disk has failed', async () => {
  const disk = new SlowDisk()
  const storage = await openedWith(disk.flush)
  const hold = (id: string) => storage.hold(holdAct(id, '1', { requires: 'nothing', durable_later: true }))
  const first = await hold('first')
  expect(first).toMatchObject({ outcome: 'held', durable: expect.any(Promise) as unknown })
  await disk.end(new Error('EIO'))
  let isTold = false
  const second = hold('second').finally(() => {
    isTold = true
  })
  await disk.begins()
  await someTurns()
  expect(isTold).toBe(false)
  await disk.end(new Error('EIO'))
  await expect(second).rejects.toThrow('could not be brought to the disk')
  const third = hold('third')
  await disk.end()
  expect(await third).not.toHaveProperty('durable')
  // It is well again.
  expect(await hold('fourth')).toHaveProperty('durable')
  await disk.end()
  await storage.close()
})
