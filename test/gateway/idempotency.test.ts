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
import type { Behaviour } from '../../src/testing/mock-provider.ts'
import { failingStorage, type FailingStorage } from '../support/failing-storage.ts'
import { runningApp, type CallOptions, type RunningApp } from '../support/running-app.ts'

const headers = { 'idempotency-key': 'retry-1' }
let folder: string
let path: string
let storage: StorageAdapter
let others: FailingStorage
let slow: RunningApp
let other: RunningApp
let gate: { release(): void }
let first: Promise<Response>

beforeEach(() => begin())
afterEach(end)

/** The first call waits for its provider; to the other process, an hour later, its own looks dead, and its hold is released. */
async function begin(call: (app: RunningApp) => CallOptions = () => ({}), answer?: Behaviour): Promise<void> {
  folder = mkdtempSync(join(tmpdir(), 'lava-idempotency-'))
  path = join(folder, 'lava.db')
  storage = sqliteStorage({ path })
  slow = await runningApp({ behaviour: { inputTokens: 100, outputTokens: 10 }, lava: { storage } })
  await slow.lava.credit({ customer_id: 'ada', amount: '1', entry_id: 'grant' })
  if (answer) slow.provider.next(answer)
  gate = slow.provider.gate()
  first = slow.call({ headers, ...call(slow) })
  await slow.provider.waitForCalls(1)
  // Those that come later pass.
  slow.provider.gate().release()
  others = failingStorage(sqliteStorage({ path }))
  other = await recovering(3_600_000, others)
}

async function end(): Promise<void> {
  gate.release()
  await first.catch(() => undefined)
  await Promise.all([slow.close(), other.close()])
  rmSync(folder, { recursive: true, force: true })
}

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
    note: `charged once under its Idempotency-Key, by ${retried?.request_id ?? ''}`,
  })
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
  gate.release()
  await first
  expect((await slow.recordsDone(1))[0]).toMatchObject({ charge: null })
})

test('a retry whose hold can’t be released at once lets go of it later', async () => {
  others.fail('settle', 2)
  expect((await other.call({ headers })).status).toBe(503)
  expect((await storage.balance('ada')).held).toBeGreaterThan(zeroMoney)
  await other.lava.close()
  const third = await recovering(2 * 3_600_000)
  expect((await storage.balance('ada')).held).toBe(zeroMoney)
  await third.close()
})

// What was let in and charged nothing must not make the call free whose answer was delivered.
test('the late usage of the first call is charged after its retry has failed', async () => {
  slow.provider.next({ status: 500 })
  expect((await other.call({ headers })).status).toBe(500)
  await other.recordsDone(2)
  await expectCharged(await lateRecord())
})

test('the late usage of the first call is charged while its retry runs, which then fails', async () => {
  const failing = slow.provider.gate()
  slow.provider.next({ status: 500 })
  const retry = other.call({ headers })
  await slow.provider.waitForCalls(2)
  const late = await lateRecord()
  failing.release()
  expect((await retry).status).toBe(500)
  await other.recordsDone(2)
  await expectCharged(late)
})

test('the late usage of the first call is charged after its retry was refused, and the close done though not answered', async () => {
  const settle = others.settle.bind(others)
  others.settle = async (act) => {
    others.settle = settle
    await settle(act)
    throw new Error('the answer was lost')
  }
  expect((await other.call({ headers })).status).toBe(503)
  await expect.poll(async () => (await storage.balance('ada')).held).toBe(zeroMoney)
  await expectCharged(await lateRecord())
})

test('a retry that is answered after the late usage of the first call was charged is free', async () => {
  const waiting = slow.provider.gate()
  const retry = other.call({ headers })
  await slow.provider.waitForCalls(2)
  gate.release()
  expect((await first).status).toBe(200)
  const [late] = await slow.recordsDone(1)
  waiting.release()
  expect((await retry).status).toBe(200)
  const [, retried] = await other.recordsDone(2)
  const request_id = (await first).headers.get('x-lava-request-id') ?? ''
  expect(retried).toMatchObject({ charge: null, note: `charged once under its Idempotency-Key, by ${request_id}` })
  expect(parseMoney(retried?.cost ?? '0')).toBeGreaterThan(zeroMoney)
  await expectCharged(late)
})

test('the late usage of a call that was broken off is recorded', async () => {
  expect((await other.call({ headers })).status).toBe(200)
  const [, retried] = await other.recordsDone(2)
  slow.server.closeAllConnections()
  await expect(first).rejects.toThrow()
  gate.release()
  const [late] = await slow.recordsDone(1)
  expect(late).toMatchObject({ charge: null, note: expect.stringContaining('charged once') as unknown })
  expect(late?.request_id).toMatch(/_late$/)
  await expectCharged(retried)
})

test('with two tries lost, the third and the late usage of both are charged once', async () => {
  const waiting = slow.provider.gate()
  const second = other.call({ headers })
  await slow.provider.waitForCalls(2)
  slow.provider.gate().release()
  const third = await recovering(2 * 3_600_000)
  const answer = await third.call({ headers })
  expect(answer.status).toBe(200)
  gate.release()
  waiting.release()
  await Promise.all([first, second])
  const lates = [...(await slow.recordsDone(1)), (await other.recordsDone(2))[1]]
  for (const late of lates) expect(late).toMatchObject({ status: 'completed', charge: null })
  await expectCharged((await third.recordsDone(2))[1])
  await third.close()
})

test('a job of the first call is not charged again when its result is fetched', async () => {
  await end()
  const target = 'https://api.openai.com/v1/responses'
  await begin(() => ({ target }), finishedJob('resp_1'))
  slow.provider.next(finishedJob('resp_2'))
  expect((await other.call({ headers, target })).status).toBe(200)
  const [, retried] = await other.recordsDone(2)
  gate.release()
  expect((await first).status).toBe(200)
  await slow.recordsDone(1)
  for (const id of ['resp_1', 'resp_2']) {
    slow.provider.next(finishedJob(id))
    const url = `${slow.base}/v1/forward?u=${encodeURIComponent(`${target}/${id}`)}`
    const authorization = `Bearer ${slow.token({ customer_id: 'ada', meter_slug: 'chat' })}`
    expect((await fetch(url, { headers: { authorization } })).status).toBe(200)
  }
  await slow.recordsDone(3)
  await expectCharged(retried)
})

test('a signed token’s limit gets back what the free one of the two had taken', async () => {
  await end()
  const limits = { amount: '0.5' }
  await begin(({ lava }) => ({ credential: lava.createForwardToken({ customer_id: 'ada', meter_slug: 'chat', limits, expiresIn: 900 }) })) // prettier-ignore
  // Each change is a document of its own.
  const taken = async () => (await storage.documents('forward_token_use', { limit: 10 })).at(-1)?.document
  expect(await taken()).not.toMatchObject({ amount: '0.0000000000' })
  expect((await other.call({ headers })).status).toBe(200)
  await other.recordsDone(2)
  gate.release()
  expect((await first).status).toBe(200)
  await expect.poll(taken).toMatchObject({ amount: '0.0000000000' })
})

test('what was charged without an answer is not called again', async () => {
  const meters = [{ meter_slug: 'chat', name: 'Requests', rate_type: 'fixed', tier_type: 'requests', tiers: [{ start: '0', rate: '0.01' }] }] as const // prettier-ignore
  const app = await runningApp({ lava: { meters: [...meters], onClientAbort: 'cancel' } })
  await app.lava.credit({ customer_id: 'ada', amount: '1', entry_id: 'grant' })
  const waiting = app.provider.gate()
  const leaving = new AbortController()
  const call = { headers, target: 'https://api.openai.com/v1/some-new-endpoint' }
  const left = app.call({ ...call, signal: leaving.signal })
  await app.provider.waitForCalls(1)
  leaving.abort()
  await expect(left).rejects.toThrow()
  expect(await app.recordsDone(1)).toMatchObject([{ provider_status: null, usage_source: 'none', charge: { amount: '0.0100000000' } }]) // prettier-ignore
  waiting.release()
  expect((await app.call(call)).status).toBe(409)
  expect(app.lava.health().status).toBe('ok')
  await app.close()
})

test('a retry after a provider that can’t be reached writes nothing more', async () => {
  const settling = failingStorage()
  const settled: string[] = []
  const settle = settling.settle.bind(settling)
  settling.settle = (act) => {
    settled.push(act.record.request_id)
    return settle(act)
  }
  const nowhere = () => ({ openai: { baseUrl: 'http://127.0.0.1:1/v1', apiKey: 'any', allowPrivate: true } })
  const app = await runningApp({ providers: nowhere, lava: { storage: settling } })
  await app.lava.credit({ customer_id: 'ada', amount: '1', entry_id: 'grant' })
  for (let tries = 1; tries <= 3; tries++) {
    expect((await app.call({ headers })).status).toBe(502)
    await app.recordsDone(tries)
  }
  expect(settled).toEqual([])
  await app.close()
})

test('of calls and retries in any number, one is charged', async () => {
  const answers = await Promise.all([1, 2, 3, 4].map(() => other.call({ headers })))
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409])
  gate.release()
  await slow.recordsDone(1)
  await expectCharged((await other.recordsDone(2))[1])
})

/** Another process, so much later: it has released the one hold that is open. */
async function recovering(laterMs: number, of: StorageAdapter = sqliteStorage({ path })): Promise<RunningApp> {
  const app = await runningApp({
    providers: () => ({ openai: { baseUrl: `${slow.provider.url}/v1`, apiKey: 'merchant-key', allowPrivate: true } }),
    lava: { storage: of, clock: () => Date.now() + laterMs },
  })
  const recovered = await app.recordsDone(1)
  expect(recovered).toMatchObject([{ status: 'error', charge: { amount: '0.0000000000' } }])
  return app
}

function finishedJob(id: string): Behaviour {
  const usage = { input_tokens: 100, output_tokens: 10, total_tokens: 110 }
  const body = { id, object: 'response', status: 'completed', background: true, model: 'gpt-4o', output: [], usage }
  return { raw: { status: 200, headers: { 'content-type': 'application/json' }, chunks: [Buffer.from(JSON.stringify(body))] } } // prettier-ignore
}

/** The first call's, which is answered now. */
async function lateRecord(): Promise<RequestRecord | undefined> {
  gate.release()
  expect((await first).status).toBe(200)
  return (await slow.recordsDone(1))[0]
}

async function expectCharged(record: RequestRecord | undefined): Promise<void> {
  const amount = parseMoney(record?.charge?.amount ?? '0')
  expect(amount).toBeGreaterThan(zeroMoney)
  const bundle = subtractMoney(parseMoney('1'), amount)
  expect(await storage.balance('ada')).toEqual({ cycle: zeroMoney, bundle, held: zeroMoney })
}
