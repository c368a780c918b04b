// An Idempotency-Key is charged once, whatever becomes of the process that made the first call.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { StorageAdapter } from '../../src/ledger/storage-adapter.ts'
import type { RequestRecord } from '../../src/ledger/request-record.ts'
import { parseMoney, subtractMoney, zeroMoney } from '../../src/money.ts'
import { holdAct } from '../../src/testing/conformance/subject.ts'
import { sqliteStorage } from '../../src/storage/sqlite.ts'
import { failingStorage, type FailingStorage } from '../support/failing-storage.ts'
import { runningApp, type RunningApp } from '../support/running-app.ts'

const headers = { 'idempotency-key': 'retry-1' }
let folder: string
let storage: StorageAdapter
let others: FailingStorage
let slow: RunningApp
let other: RunningApp
let gate: { release(): void }
let first: Promise<Response>

// The first call waits for its provider; to the other process, an hour later, its own looks dead, and its hold is released.
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lava-idempotency-'))
  const path = join(folder, 'lava.db')
  storage = sqliteStorage({ path })
  slow = await runningApp({ behaviour: { inputTokens: 100, outputTokens: 10 }, lava: { storage } })
  await slow.lava.credit({ customer_id: 'ada', amount: '1', entry_id: 'grant' })
  gate = slow.provider.gate()
  first = slow.call({ headers })
  await slow.provider.waitForCalls(1)
  // Those that come later pass.
  slow.provider.gate().release()
  others = failingStorage(sqliteStorage({ path }))
  const baseUrl = `${slow.provider.url}/v1`
  other = await runningApp({
    providers: () => ({ openai: { baseUrl, apiKey: 'merchant-key', allowPrivate: true } }),
    lava: { storage: others, clock: () => Date.now() + 3_600_000, holdTtlMs: 600 },
  })
  const recovered = await other.recordsDone(1)
  expect(recovered).toMatchObject([{ status: 'error', charge: { amount: '0.0000000000' } }])
})
afterEach(async () => {
  gate.release()
  await first
  await Promise.all([slow.close(), other.close()])
  rmSync(folder, { recursive: true, force: true })
})

// Chaos, seed 20261123: “call-305: 2 charged records, 2 provider calls”.
test('the late usage of a call whose retry was let in is recorded, and charged to nobody', async () => {
  slow.provider.next({ inputTokens: 200, outputTokens: 20 })
  expect((await other.call({ headers })).status).toBe(200)
  const [, retried] = await other.recordsDone(2)
  gate.release()
  const answer = await first
  expect(answer.status).toBe(200)
  const [late] = await slow.recordsDone(1)

  const request_id = answer.headers.get('x-lava-request-id')
  expect(late).toMatchObject({
    request_id: `${request_id ?? ''}_late`,
    status: 'completed',
    customer_id: 'ada',
    usage: { input_tokens: 100, output_tokens: 10 },
    charge: null,
  })
  expect(late?.note).toContain('a retry under its Idempotency-Key was let in')
  expect(parseMoney(late?.cost ?? '0')).toBeGreaterThan(zeroMoney)
  expect(retried?.usage).toMatchObject({ input_tokens: 200, output_tokens: 20 })
  await expectCharged(retried)
  const { data } = await storage.requests({ customer_id: 'ada', limit: 10 })
  expect(data.map(({ request_id }) => request_id)).toEqual([late?.request_id, retried?.request_id, request_id])
  expect(data[2]?.note).toContain('a retry under its Idempotency-Key was let in')
  expect((await other.call({ headers })).status).toBe(409)
})

test('a retry is refused once the late usage of the first call is charged', async () => {
  gate.release()
  expect((await first).status).toBe(200)
  const [late] = await slow.recordsDone(1)
  const retry = await other.call({ headers })
  expect(retry.status).toBe(409)
  expect(await retry.json()).toMatchObject({ error: { code: 'request_id_reused', request_id: late?.request_id } })
  expect(slow.provider.callCount).toBe(1)
  await expectCharged(late)
})

test('a retry that is refused leaves the first call as it was: its late usage is charged', async () => {
  // All that is there is held for another call.
  const hold = holdAct('other', '1', { record: { customer_id: 'ada' }, expires_at_ms: Date.now() + 7_200_000 })
  expect((await storage.hold(hold)).outcome).toBe('held')
  expect((await other.call({ headers })).status).toBe(402)
  expect((await storage.release({ record: { ...hold.record, status: 'completed' }, lost: false })).outcome).toBe(
    'released',
  )
  gate.release()
  expect((await first).status).toBe(200)
  await expectCharged((await slow.recordsDone(1))[0])
})

test('a retry that was held when the first call’s late usage came is not called', async () => {
  const hold = others.hold.bind(others)
  others.hold = async (act) => {
    const held = await hold(act)
    if (held.outcome !== 'held') return held
    gate.release()
    await slow.recordsDone(1)
    return held
  }
  expect((await other.call({ headers })).status).toBe(409)
  expect(slow.provider.callCount).toBe(1)
  await expectCharged((await slow.recordsDone(1))[0])
  const { data } = await storage.requests({ customer_id: 'ada', limit: 10 })
  expect(data[0]).toMatchObject({ status: 'completed', usage_source: 'none' })
  expect(data[0]?.note).toContain('was settled meanwhile')
})

test('a retry is refused, and lets go of its hold, while the first call can’t be closed', async () => {
  others.fail('settle', 1)
  expect((await other.call({ headers })).status).toBe(503)
  expect(slow.provider.callCount).toBe(1)
  await expect.poll(async () => (await storage.balance('ada')).held).toBe(zeroMoney)
  expect((await other.call({ headers })).status).toBe(200)
  await expectCharged((await other.recordsDone(2))[1])
})

test('of calls and retries in any number, one is charged', async () => {
  const answers = await Promise.all([1, 2, 3, 4].map(() => other.call({ headers })))
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409])
  gate.release()
  await slow.recordsDone(1)
  await expectCharged((await other.recordsDone(2))[1])
})

async function expectCharged(record: RequestRecord | undefined): Promise<void> {
  const amount = parseMoney(record?.charge?.amount ?? '0')
  expect(amount).toBeGreaterThan(zeroMoney)
  const bundle = subtractMoney(parseMoney('1'), amount)
  expect(await storage.balance('ada')).toEqual({ cycle: zeroMoney, bundle, held: zeroMoney })
}
