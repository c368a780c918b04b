// The storage goes away and comes back: nothing is lost, nothing is charged twice, and the host can see it.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openJournal } from '../../src/ledger/journal.ts'
import { sqliteStorage } from '../../src/storage/sqlite.ts'
import { failingStorage, type FailingStorage } from '../support/failing-storage.ts'
import { runningApp, secretKey, type AppOptions, type RunningApp } from '../support/running-app.ts'

let folder: string
let running: RunningApp
let storage: FailingStorage
const journalPath = () => join(folder, 'journal.db')

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lava-outage-'))
})
afterEach(async () => {
  await running.close()
  await rm(folder, { recursive: true })
})

/** One instance after the other on one database, as after a restart. */
async function start(options: AppOptions['lava'] = {}): Promise<void> {
  storage = failingStorage(sqliteStorage({ path: join(folder, 'lava.db') }))
  running = await runningApp({
    behaviour: { inputTokens: 1_000, outputTokens: 100 },
    lava: { storage, journalPath: journalPath(), closeTimeoutMs: 200, ...options },
  })
}

const available = async () => (await running.lava.canAfford({ customer_id: 'ada', amount: '0' })).available
// 1,000 tokens in and 100 out of gpt-4o, plus 20 %.
const afterOne = '0.9958000000'

test('a settlement is tried again until the storage takes it', async () => {
  await start()
  await running.lava.credit({ customer_id: 'ada', amount: '1', entry_id: 'e' })
  storage.fail('settle', 2)
  expect((await running.call()).status).toBe(200)
  const [record] = await running.recordsDone(1)
  expect(record).toMatchObject({ status: 'completed', charge: { amount: '0.0042000000' } })
  expect(await available()).toBe(afterOne)
  expect(running.lava.health()).toMatchObject({ status: 'ok', journaled: 0, open_requests: 0 })
})

test('a settlement that the storage never took is settled by the next start, exactly once', async () => {
  await start()
  await running.lava.credit({ customer_id: 'ada', amount: '1', entry_id: 'e' })
  storage.fail('settle', 1_000)
  expect((await running.call()).status).toBe(200)
  const report = await running.lava.close()
  expect(report).toEqual({ left_open: 0, left_in_journal: 1 })
  await running.close()

  await start()
  const [record] = await running.recordsDone(1)
  expect(record).toMatchObject({ status: 'completed', charge: { amount: '0.0042000000' } })
  expect(await available()).toBe(afterOne)
  expect(running.lava.health()).toMatchObject({ status: 'ok', journaled: 0 })
  await running.close()

  await start()
  expect(await available()).toBe(afterOne)
  expect(running.records).toEqual([])
})

test('a call that was refused by its provider leaves no hold behind, even so', async () => {
  await start()
  await running.lava.credit({ customer_id: 'ada', amount: '1', entry_id: 'e' })
  running.provider.next({ status: 500 })
  storage.fail('release', 1_000)
  expect((await running.call()).status).toBe(500)
  expect(await running.lava.close()).toEqual({ left_open: 0, left_in_journal: 1 })
  await running.close()
  await start()
  expect((await running.recordsDone(1))[0]).toMatchObject({ status: 'completed', provider_status: 500, charge: null })
  expect(await available()).toBe('1.0000000000')
})

test('what waits holds no key', async () => {
  await start()
  await running.lava.credit({ customer_id: 'ada', amount: '1', entry_id: 'e' })
  storage.fail('settle', 1_000)
  await (await running.call()).text()
  await running.lava.close()
  const journal = openJournal(journalPath())
  const text = JSON.stringify(journal.entries(10))
  journal.close()
  expect(text).toContain('gpt-4o')
  expect(text).not.toContain('merchant-key')
  expect(text).not.toContain(secretKey)
})

test('an entry that this version can’t read stays, and does not stand in the way of the others', async () => {
  const before = openJournal(journalPath())
  before.add({ request_id: 'req_from_tomorrow', order: { kind: 'settle', of: 'another version' } })
  before.close()
  await start()
  await running.lava.credit({ customer_id: 'ada', amount: '1', entry_id: 'e' })
  storage.fail('settle', 1_000)
  await (await running.call()).text()
  await running.lava.close()
  await running.close()
  await start()
  expect((await running.recordsDone(1))[0]).toMatchObject({ charge: { amount: '0.0042000000' } })
  expect(running.lava.health()).toMatchObject({ status: 'degraded', journaled: 1 })
})

test('an entry that can’t be carried out stays, and does not stand in the way of the others either', async () => {
  await start()
  await running.lava.credit({ customer_id: 'ada', amount: '1', entry_id: 'e' })
  storage.fail('settle', 1_000)
  await (await running.call()).text()
  await running.lava.close()
  await running.close()
  const journal = openJournal(journalPath())
  const [whole] = journal.entries(1)
  interface Waiting { order: { record: { customer_id: string } } }
  const text = JSON.stringify(whole?.order)
  journal.remove(whole?.request_id ?? '')
  // Their hold was ada's: who pays can't change.
  for (let stranger = 0; stranger < 6; stranger++) {
    const foreign = JSON.parse(text) as Waiting
    foreign.order.record.customer_id = 'bob'
    journal.add({ request_id: `stranger-${stranger}`, order: foreign })
  }
  journal.add({ request_id: whole?.request_id ?? '', order: whole?.order })
  journal.close()
  await start()
  expect((await running.recordsDone(1))[0]).toMatchObject({ customer_id: 'ada', charge: { amount: '0.0042000000' } })
  expect(await available()).toBe(afterOne)
}) // prettier-ignore

test('an entry of another app in the same folder is left to it', async () => {
  await start()
  await running.lava.credit({ customer_id: 'ada', amount: '1', entry_id: 'e' })
  storage.fail('settle', 1_000)
  await (await running.call()).text()
  await running.lava.close()
  await running.close()
  // Another database, the same journal.
  running = await runningApp({ lava: { storage: sqliteStorage({ path: join(folder, 'other.db') }), journalPath: journalPath() } })
  expect((await running.lava.canAfford({ customer_id: 'ada', amount: '0' })).available).toBe('0.0000000000')
  await running.lava.close()
  expect(running.records).toEqual([])
  await running.close()
  await start()
  expect((await running.recordsDone(1))[0]).toMatchObject({ charge: { amount: '0.0042000000' } })
}) // prettier-ignore

test('what waits on disk is settled exactly, although its hold has expired and lost holds are charged', async () => {
  await start({ holdTtlMs: 100, onLostRequest: 'charge' })
  await running.lava.credit({ customer_id: 'ada', amount: '1', entry_id: 'e' })
  storage.fail('settle', 1_000)
  await (await running.call()).text()
  await running.lava.close()
  await running.close()
  const journal = openJournal(journalPath())
  expect(journal.size()).toBe(1)
  journal.close()
  // Longer than the hold lives.
  await start({ holdTtlMs: 100, onLostRequest: 'charge', clock: () => Date.now() + 60_000 })
  const [record] = await running.recordsDone(1)
  expect(record).toMatchObject({ status: 'completed', charge: { amount: '0.0042000000' } })
  expect(await available()).toBe(afterOne)
})

test('a hold whose answer was lost is let go when the storage answers again', async () => {
  await start({ storageTimeoutMs: 50, holdTtlMs: 300, onLostRequest: 'charge' })
  await running.lava.credit({ customer_id: 'ada', amount: '1', entry_id: 'e' })
  storage.mute('hold', 1)
  expect((await running.call()).status).toBe(503)
  await expect.poll(available).toBe('1.0000000000')
  expect(running.provider.callCount).toBe(0)
})

test('a retry whose hold failed does not let go of the call that still runs under its Idempotency-Key', async () => {
  await start({ holdTtlMs: 150 })
  await running.lava.credit({ customer_id: 'ada', amount: '1', entry_id: 'e' })
  running.provider.next({ eventDelayMs: 100, inputTokens: 1_000, outputTokens: 100 })
  const keyed = { headers: { 'idempotency-key': 'k' }, body: { stream: true } }
  const first = await running.call(keyed)
  storage.fail('hold', 1)
  expect((await running.call(keyed)).status).toBe(503)
  await first.text()
  expect((await running.recordsDone(1))[0]).toMatchObject({ charge: { amount: '0.0042000000' } })
  expect(await available()).toBe(afterOne)
})

test('a settlement that is never answered is on disk when the gateway closes', async () => {
  await start()
  await running.lava.credit({ customer_id: 'ada', amount: '1', entry_id: 'e' })
  storage.mute('settle', 1_000)
  await (await running.call()).text()
  expect(await running.lava.close()).toEqual({ left_open: 0, left_in_journal: 1 })
})

test('without a journal a settlement is tried for as long as the process lives', async () => {
  await start({ journalPath: false })
  await running.lava.credit({ customer_id: 'ada', amount: '1', entry_id: 'e' })
  storage.fail('settle', 3)
  await (await running.call()).text()
  expect((await running.recordsDone(1))[0]).toMatchObject({ charge: { amount: '0.0042000000' } })
  storage.fail('settle', 1_000)
  await (await running.call()).text()
  expect(await running.lava.close()).toEqual({ left_open: 1, left_in_journal: 0 })
})

test('a storage that lost the hold, as after a failover, is told the charge all the same', async () => {
  storage = failingStorage(sqliteStorage({ path: join(folder, 'lava.db') }))
  running = await runningApp({
    lava: { storage, journalPath: journalPath(), customer: (req) => req.get('x-user'), meter: 'chat' },
    after: (app, lava) =>
      app.post('/run', lava.balanceGuard({ estimate: '0.50' }), async (req, res) => {
        const database = new DatabaseSync(join(folder, 'lava.db'))
        database.exec('DELETE FROM lava_requests; UPDATE lava_customers SET held = 0')
        database.close()
        res.json(await req.lava?.report({ cost: '0.10' }))
      }),
  })
  await running.lava.credit({ customer_id: 'ada', amount: '1', entry_id: 'e' })
  const answer = await fetch(`${running.base}/run`, { method: 'POST', headers: { 'x-user': 'ada' } })
  expect(await answer.json()).toMatchObject({ status: 'completed', cost: '0.1000000000' })
  const { charge } = (await running.recordsDone(1))[0] ?? {}
  expect(Number(charge?.amount)).toBeGreaterThan(0)
  expect(await available()).toBe((1 - Number(charge?.amount)).toFixed(10))
})

test('a journal that can’t be read is told of by health', async () => {
  await writeFile(journalPath(), 'this is no database, and longer than the header of one would be'.repeat(40))
  await start()
  expect(running.lava.health()).toMatchObject({ status: 'degraded', journaled: null })
})

describe('a storage that takes no holds', () => {
  test('refuses calls, and is told of by health', async () => {
    await start()
    await running.lava.credit({ customer_id: 'ada', amount: '1', entry_id: 'e' })
    expect(running.lava.health().storage).toEqual({ reachable: true, failing_since: null, last_error: null })
    storage.fail('hold', 1)
    const answer = await running.call()
    expect(answer.status).toBe(503)
    expect(await answer.json()).toMatchObject({ error: { code: 'storage_unavailable' } })
    expect(running.provider.callCount).toBe(0)
    const health = running.lava.health()
    expect(health).toMatchObject({ status: 'degraded', storage: { reachable: false, last_error: 'the storage is away' } })
    expect((await running.call()).status).toBe(200)
    expect(running.lava.health().storage.reachable).toBe(true)
  }) // prettier-ignore

  test('lets calls pass where the host says so, and charges them when it is back', async () => {
    await start({ onStorageError: 'allow' })
    await running.lava.credit({ customer_id: 'ada', amount: '1', entry_id: 'e' })
    storage.fail('hold', 1)
    storage.fail('settle', 1)
    expect((await running.call()).status).toBe(200)
    expect((await running.recordsDone(1))[0]).toMatchObject({ held: '0.0000000000', charge: { amount: '0.0042000000' } })
    expect(await available()).toBe(afterOne)
    storage.fail('hold', 1)
    running.provider.next({ status: 500 })
    expect((await running.call()).status).toBe(500)
    expect((await running.recordsDone(2))[1]).toMatchObject({ status: 'completed', provider_status: 500, charge: null })
    expect(await available()).toBe(afterOne)
  }) // prettier-ignore
})

test('a storage that never answers is one that is away, and what it did all the same happens once', async () => {
  await start({ storageTimeoutMs: 100 })
  await running.lava.credit({ customer_id: 'ada', amount: '1', entry_id: 'e' })
  storage.mute('settle', 1)
  expect((await running.call()).status).toBe(200)
  expect((await running.recordsDone(1))[0]).toMatchObject({ charge: { amount: '0.0042000000' } })
  expect(await available()).toBe(afterOne)
  storage.mute('hold', 1)
  expect((await running.call()).status).toBe(503)
  expect(running.lava.health().storage.last_error).toBe('no answer within 100 ms')
})

test('a gateway that closes takes no new calls, on the host’s guarded routes neither', async () => {
  let ran = 0
  running = await runningApp({
    lava: { closeTimeoutMs: 60_000, drainMs: 50, customer: (req) => req.get('x-user'), meter: 'chat' },
    after: (app, lava) =>
      app.post('/run', lava.balanceGuard({ estimate: '0.50' }), (_req, res) => void res.json(++ran)),
  })
  await running.lava.credit({ customer_id: 'ada', amount: '1', entry_id: 'e' })
  running.provider.next({ eventDelayMs: 60_000 })
  const stream = new AbortController()
  const answer = await running.call({ body: { stream: true }, signal: stream.signal })
  await answer.body?.getReader().read()
  const closed = running.lava.close()
  expect((await running.call()).status).toBe(503)
  const guarded = await fetch(`${running.base}/run`, { method: 'POST', headers: { 'x-user': 'ada' } })
  expect(guarded.status).toBe(503)
  expect(ran).toBe(0)
  stream.abort()
  expect(await closed).toEqual({ left_open: 0, left_in_journal: 0 })
})

test('closing waits for a call that ends in time, and breaks one off that does not', async () => {
  await start({ closeTimeoutMs: 300 })
  await running.lava.credit({ customer_id: 'ada', amount: '1', entry_id: 'e' })
  running.provider.next({ eventDelayMs: 60_000 })
  const answer = await running.call({ body: { stream: true } })
  const started = answer.body?.getReader()
  await started?.read()
  expect(running.lava.health().open_requests).toBe(1)
  const closed = running.lava.close()
  expect(running.lava.health().status).toBe('closing')
  expect(await closed).toEqual({ left_open: 0, left_in_journal: 0 })
  expect(running.records[0]).toMatchObject({ status: 'completed', usage_source: 'estimated' })
  await started?.cancel().catch(() => undefined)
})
