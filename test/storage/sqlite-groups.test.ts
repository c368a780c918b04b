// What acts that share a transaction still promise, each for itself.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync, StatementSync } from 'node:sqlite'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { StorageAdapter } from '../../src/ledger/storage-adapter.ts'
import { money } from '../../src/money.ts'
import { embeddedStorage } from '../../src/storage/embedded.ts'
import { sqliteTables } from '../../src/storage/sqlite-file.ts'
import { createTables } from '../../src/storage/sqlite-schema.ts'
import { sqliteStorage } from '../../src/storage/sqlite.ts'
import {
  countOutcomes,
  creditAct,
  expectBalance,
  holdAct,
  race,
  settleAct,
} from '../../src/testing/conformance/subject.ts'

let folder: string
let files = 0
const freshPath = () => join(folder, `${++files}.db`)

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lava-groups-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function opened(path: string): Promise<StorageAdapter> {
  const storage = sqliteStorage({ path })
  await storage.open()
  return storage
}

/** Runs SQL on a connection of its own, as another program would. */
function beside(path: string, sql: string): void {
  const other = new DatabaseSync(path)
  other.exec(sql)
  other.close()
}

function messageOf(result: PromiseSettledResult<unknown>): string | null {
  return result.status === 'rejected' ? String(result.reason) : null
}

function sqlOf(statement: unknown): string | null {
  return statement instanceof StatementSync ? statement.sourceSQL : null
}

test('commits the acts of one turn together, at most 128 at a time', async () => {
  const storage = await opened(freshPath())
  const run = vi.spyOn(StatementSync.prototype, 'run')
  await race(300, (index) => storage.credit(creditAct(`grant-${index}`, '1')))
  const commits = run.mock.contexts.map(sqlOf).filter((sql) => sql === 'COMMIT').length
  run.mockRestore()
  expect(commits).toBe(3)
  await expectBalance(storage, { bundle: '300' })
  await storage.close()
})

test('lets other work have its turn between two groups', async () => {
  const storage = sqliteStorage({ path: freshPath(), synchronous: 'normal' })
  await storage.open()
  const order: string[] = []
  const acts = race(300, (index) =>
    storage.credit(creditAct(`grant-${index}`, '1')).then(() => order.push(index < 128 ? 'first' : 'later')),
  )
  await Promise.resolve()
  setImmediate(() => order.push('other'))
  await acts
  expect([...new Set(order)]).toEqual(['first', 'other', 'later'])
  await storage.close()
})

test('lets an act that throws fail alone', async () => {
  const storage = await opened(freshPath())
  const acts = [
    storage.credit(creditAct('first', '3')),
    storage.credit({ ...creditAct('huge', '1'), amount: money(2n ** 63n) }),
    storage.hold(holdAct('request', '2')),
    storage.hold({ ...holdAct('wrong', '1'), record: settleAct('wrong', '1').record }),
    storage.credit(creditAct('last', '4')),
  ]
  const results = await Promise.allSettled(acts)
  expect(results.map(messageOf)).toEqual([
    null,
    expect.stringContaining('does not fit 64 bits'),
    null,
    expect.stringContaining('a hold writes a pending record'),
    null,
  ])
  await expectBalance(storage, { bundle: '7', held: '2' })
  expect(await storage.request('wrong')).toBeNull()
  await storage.close()
})

test('undoes all of an act whose second write fails, and nothing of the others', async () => {
  const path = freshPath()
  const storage = await opened(path)
  for (const customer_id of ['ann', 'bob'])
    await storage.credit(creditAct(`grant-${customer_id}`, '20', { customer_id }))
  // A hold writes its record first, then the balance.
  beside(
    path,
    `CREATE TRIGGER broken BEFORE UPDATE ON lava_customers WHEN NEW.customer_id = 'bob'
       BEGIN SELECT RAISE(ABORT, 'bob is broken'); END`,
  )
  const bobs = { record: { customer_id: 'bob' } }
  const acts = [holdAct('before', '3'), holdAct('broken', '4', bobs), holdAct('too', '1', bobs), holdAct('after', '5')]
  const results = await Promise.allSettled(acts.map((act) => storage.hold(act)))
  const broken: unknown = expect.stringContaining('bob is broken')
  expect(results.map(messageOf)).toEqual([null, broken, broken, null])
  await expectBalance(storage, { bundle: '20', held: '8' })
  await expectBalance(storage, { bundle: '20' }, 'bob')
  expect(await storage.request('broken')).toBeNull()

  beside(path, 'DROP TRIGGER broken')
  const again = await Promise.all(acts.map((act) => storage.hold(act)))
  expect(countOutcomes(again)).toEqual({ duplicate: 2, held: 2 })
  await expectBalance(storage, { bundle: '20', held: '5' }, 'bob')
  await storage.close()
})

test('rejects every act of a group whose COMMIT fails, keeps none of them, and takes them afterwards', async () => {
  const path = freshPath()
  const storage = await opened(path)
  // A foreign key that is only looked at when the transaction commits.
  beside(
    path,
    `CREATE TABLE parents (id TEXT PRIMARY KEY);
     CREATE TABLE children (id TEXT REFERENCES parents DEFERRABLE INITIALLY DEFERRED);
     CREATE TRIGGER orphan AFTER INSERT ON lava_entries WHEN NEW.entry_id = 'orphan'
       BEGIN INSERT INTO children VALUES (NEW.entry_id); END`,
  )
  const acts = ['first', 'orphan', 'last']
  const credit = () => Promise.allSettled(acts.map((id) => storage.credit(creditAct(id, '1'))))
  const failed: unknown = expect.stringContaining('FOREIGN KEY constraint failed')
  expect((await credit()).map(messageOf)).toEqual([failed, failed, failed])
  await expectBalance(storage, {})
  beside(path, 'DROP TRIGGER orphan')
  expect((await credit()).map(messageOf)).toEqual([null, null, null])
  await expectBalance(storage, { bundle: '3' })
  await storage.close()
})

test('keeps exactly what resolved when the disk is full, and goes on when there is room again', async () => {
  const database = new DatabaseSync(freshPath())
  database.exec('PRAGMA journal_mode = WAL')
  createTables(database)
  const storage = embeddedStorage('full', () => Promise.resolve(sqliteTables(database, null)))
  await storage.open()
  await storage.credit(creditAct('grant', '1000'))
  database.exec('PRAGMA max_page_count = 60')
  const ids = Array.from({ length: 600 }, (_, index) => `request-${index}`)
  const results = await Promise.allSettled(ids.map((id) => storage.hold(holdAct(id, '1'))))
  const kept = ids.filter((_, index) => results[index]?.status === 'fulfilled')
  expect(kept.length).toBeGreaterThan(0)
  expect(kept.length).toBeLessThan(600)
  for (const message of results.map(messageOf))
    if (message !== null) expect(message).toContain('database or disk is full')
  for (const id of ids) expect((await storage.request(id)) !== null).toBe(kept.includes(id))
  await expectBalance(storage, { bundle: '1000', held: `${kept.length}` })

  database.exec('PRAGMA max_page_count = 100000')
  const again = await Promise.all(ids.map((id) => storage.hold(holdAct(id, '1'))))
  expect(countOutcomes(again)).toEqual({ held: 600 - kept.length, duplicate: kept.length })
  await storage.close()
})

test('waits for another process once per group, and rejects the whole group when it does not let go', async () => {
  const path = freshPath()
  const storage = sqliteStorage({ path, busyTimeoutMs: 100 })
  await storage.open()
  const other = new DatabaseSync(path)
  other.exec('BEGIN IMMEDIATE')
  const credit = () => Promise.allSettled(['a', 'b', 'c'].map((id) => storage.credit(creditAct(id, '1'))))
  const run = vi.spyOn(StatementSync.prototype, 'run')
  const locked: unknown = expect.stringContaining('database is locked')
  expect((await credit()).map(messageOf)).toEqual([locked, locked, locked])
  expect(run.mock.contexts.map(sqlOf)).toEqual(['BEGIN IMMEDIATE'])
  run.mockRestore()
  other.exec('ROLLBACK')
  other.close()
  await expectBalance(storage, {})
  expect((await credit()).map(messageOf)).toEqual([null, null, null])
  await storage.close()
})

for (const synchronous of ['full', 'normal'])
  test(`loses no act that resolved before SIGKILL, with synchronous ${synchronous}`, async () => {
    const path = freshPath()
    const resolved: [string, string][] = []
    for (const lines of [300, 1500, 4000]) resolved.push(...(await killedAfter(lines, path, synchronous)))
    const storage = await opened(path)
    let settlements = 0
    for (const [outcome, id] of resolved) {
      if (outcome === 'settled') settlements++
      if (outcome === 'credited') expect((await storage.credit(creditAct(id, '1'))).outcome).toBe('duplicate')
      else expect((await storage.request(id))?.status).toMatch(outcome === 'held' ? /./ : /^completed$/)
    }
    expect(settlements).toBeGreaterThan(500)
    expect(heldInRecords(path)).toBe((await storage.balance('ann')).held)
    await storage.close()
  })

/** The acts that a writer told of until it was killed, which is after that many lines. */
async function killedAfter(lines: number, path: string, synchronous: string): Promise<[string, string][]> {
  const script = join(import.meta.dirname, '../support/storage-writer.ts')
  const env = { ...process.env, DATABASE_PATH: path, SYNCHRONOUS: synchronous }
  const writer = spawn(process.execPath, [script], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  const closed = once(writer, 'close')
  const told: [string, string][] = []
  for await (const line of createInterface({ input: writer.stdout })) {
    const [, outcome, id] = /^(credited|held|settled) (\d+-\d+)$/.exec(line) ?? []
    // Only the very last line can be cut short.
    if (outcome !== undefined && id !== undefined) told.push([outcome, id])
    if (told.length === lines) writer.kill('SIGKILL')
  }
  await closed
  expect(writer.signalCode).toBe('SIGKILL')
  return told
}

function heldInRecords(path: string): bigint {
  const file = new DatabaseSync(path)
  const statement = file.prepare('SELECT sum(held) AS held FROM lava_requests')
  statement.setReadBigInts(true)
  const held = statement.get()?.held
  file.close()
  return typeof held === 'bigint' ? held : 0n
}
