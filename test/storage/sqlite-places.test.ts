// The places of a customer's records are written now and then; whoever asks finds every record, whatever happened meanwhile.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { StorageAdapter } from '../../src/ledger/storage-adapter.ts'
import { embeddedStorage } from '../../src/storage/embedded.ts'
import { openFile } from '../../src/storage/sqlite-file.ts'
import { creditAct, race, settleAct, type SettleParts } from '../../src/testing/conformance/subject.ts'

let folder: string
let files = 0

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lava-places-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** A storage, and its file as the host may open it too. */
async function opened(recentMax?: number): Promise<{ storage: StorageAdapter; file: DatabaseSync }> {
  const path = join(folder, `${++files}.db`)
  const parts = recentMax === undefined ? {} : { recentMax }
  const storage = embeddedStorage('sqliteStorage', () =>
    openFile({ path, synchronous: 'full', busyTimeoutMs: 5000 }, parts),
  )
  await storage.open()
  return { storage, file: new DatabaseSync(path) }
}

function report(storage: StorageAdapter, id: string, record: SettleParts['record'] = {}): Promise<unknown> {
  return storage.settle(settleAct(id, '0', { record, opens: true }))
}

/** The ids of a customer's records, and how many its usage counts. */
async function foundOf(storage: StorageAdapter, customer_id: string): Promise<{ listed: string[]; counted: number }> {
  const { data } = await storage.requests({ customer_id, limit: 10_000 })
  const usage = await storage.usage({ customer_id, start_ms: 0, end_ms: 2 ** 50, utc_offset_minutes: 0 })
  const counted = usage.reduce((sum, { total_requests }) => sum + total_requests, 0)
  return { listed: data.map(({ request_id }) => request_id), counted }
}

function placedIn(file: DatabaseSync): unknown {
  return file.prepare('SELECT up_to, (SELECT count(*) FROM lava_places) AS places FROM lava_placed').get()
}

test('finds what is left where the host has deleted records', async () => {
  const { storage, file } = await opened(3)
  for (let index = 0; index < 10; index++) await report(storage, `request-${index}`)
  expect(placedIn(file)).toEqual({ up_to: 9, places: 9 })
  file.exec('DELETE FROM lava_requests WHERE sequence <= 4 OR sequence = 10')
  expect(placedIn(file)).toEqual({ up_to: 9, places: 5 })
  await report(storage, 'another')
  const listed = ['another', 'request-8', 'request-7', 'request-6', 'request-5', 'request-4']
  expect(await foundOf(storage, 'ann')).toEqual({ listed, counted: 6 })
  await storage.close()
  file.close()
})

test('finds records under the customer to whom the host has given them, and of one who was made nobody none', async () => {
  const { storage, file } = await opened(3)
  for (let index = 0; index < 10; index++)
    await report(storage, `request-${index}`, { customer_id: index % 5 === 0 ? 'bob' : 'ann' })
  file.exec(`UPDATE lava_requests SET customer_id = 'bob' WHERE customer_id = 'ann'`)
  expect(await foundOf(storage, 'ann')).toEqual({ listed: [], counted: 0 })
  const listed = Array.from({ length: 10 }, (_, index) => `request-${9 - index}`)
  expect(await foundOf(storage, 'bob')).toEqual({ listed, counted: 10 })
  file.exec('UPDATE lava_requests SET customer_id = NULL')
  expect(await foundOf(storage, 'bob')).toEqual({ listed: [], counted: 0 })
  await storage.close()
  file.close()
})

test('finds a record that took the sequence of one that was undone', async () => {
  const { storage, file } = await opened(3)
  file.exec(`CREATE TRIGGER broken BEFORE INSERT ON lava_request_metadata WHEN NEW.value = 'broken'
    BEGIN SELECT RAISE(ABORT, 'broken'); END`)
  await report(storage, 'a')
  await report(storage, 'b')
  await expect(report(storage, 'c', { metadata: { label: 'broken' } })).rejects.toThrow('broken')
  // A group without a new record.
  await storage.credit(creditAct('grant', '1'))
  await report(storage, 'd')
  expect(await foundOf(storage, 'ann')).toEqual({ listed: ['d', 'b', 'a'], counted: 3 })
  await storage.close()
  file.close()
})

test('gives records their places a thousand at a time, however many have none, and whether some have', async () => {
  const { storage, file } = await opened()
  await race(2500, (index) => report(storage, `request-${index}`))
  expect(placedIn(file)).toEqual({ up_to: 2000, places: 2000 })
  file.exec('DELETE FROM lava_places WHERE sequence > 700; UPDATE lava_placed SET up_to = 0')
  for (const [index, id] of ['a', 'b', 'c'].entries()) {
    await report(storage, id)
    const { listed, counted } = await foundOf(storage, 'ann')
    expect([listed.length, counted]).toEqual([2501 + index, 2501 + index])
  }
  expect(placedIn(file)).toEqual({ up_to: 2000, places: 2000 })
  await storage.close()
  file.close()
})
