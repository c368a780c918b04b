// Acts that wait for the end of a flush: they go on when it fails, too.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { embeddedStorage } from '../../src/storage/embedded.ts'
import { openFile } from '../../src/storage/sqlite-file.ts'
import { creditAct, expectBalance, race } from '../../src/testing/conformance/subject.ts'
import { SlowDisk, someTurns } from '../support/slow-disk.ts'

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lava-kept-back-'))
})
afterAll(() => rm(folder, { recursive: true }))

test('goes on with what was kept back while a flush ran that fails, without another act', async () => {
  const disk = new SlowDisk()
  const path = join(folder, 'lava.db')
  const storage = embeddedStorage('test', () =>
    openFile({ path, synchronous: 'full', busyTimeoutMs: 5000 }, { flush: disk.flush }),
  )
  await storage.open()
  const first = Promise.allSettled([storage.credit(creditAct('first', '1'))])
  await disk.begins()
  const keptBack = race(5, (index) => storage.credit(creditAct(`kept-back-${index}`, '1')))
  await someTurns()
  // Not even committed yet.
  await expectBalance(storage, { bundle: '1' })
  await disk.end(new Error('EIO'))
  expect(await first).toMatchObject([{ status: 'rejected', reason: { cause: new Error('EIO') } }])
  await someTurns()
  expect(disk.begun).toBe(2)
  await disk.end()
  const outcomes = (await keptBack).map(({ outcome }) => outcome)
  expect(outcomes).toEqual(Array.from({ length: 5 }, () => 'credited'))
  await expectBalance(storage, { bundle: '6' })
  await storage.close()
})
