// The balance guard and the settling: modes, overdraft, a storage that is away, a gateway that closes.
import { once } from 'node:events'
import { request } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import { chatMeter, chatUrl, runningApp, secretKey, type RunningApp } from '../support/running-app.ts'
import { failingStorage } from '../support/failing-storage.ts'

let running: RunningApp
afterEach(() => running.close())

const available = async () => (await running.lava.canAfford({ customer_id: 'ada', amount: '0' })).available

test('a refused customer is told what is missing and how long an answer would fit', async () => {
  running = await runningApp({ lava: { topUpUrl: 'https://app.example/billing' } })
  await running.lava.credit({ customer_id: 'ada', amount: '0.0006', entry_id: 'e' })
  const answer = await running.call({ body: { max_tokens: 100 } })
  expect(answer.status).toBe(402)
  const { error } = (await answer.json()) as { error: Record<string, unknown> }
  expect(error).toMatchObject({
    code: 'insufficient_balance',
    available: '0.0006000000',
    top_up_url: 'https://app.example/billing',
  })
  const fits = Number(error.max_output_tokens)
  expect(fits).toBeGreaterThan(10)
  expect((await running.call({ body: { max_tokens: fits + 1 } })).status).toBe(402)
  expect((await running.call({ body: { max_tokens: fits } })).status).toBe(200)
})

test('mode balance lets everybody with a balance above zero call, and nobody else', async () => {
  running = await runningApp({
    behaviour: { inputTokens: 1000, outputTokens: 100 },
    lava: { guard: { mode: 'balance' } },
  })
  expect((await running.call()).status).toBe(402)
  await running.lava.credit({ customer_id: 'ada', amount: '0.0000000001', entry_id: 'e' })
  expect((await running.call()).status).toBe(200)
  await running.recordsDone(1)
  expect(await available()).toBe('-0.0041999999')
  const refused = await running.call()
  expect(await refused.json()).toMatchObject({ error: { required: '0.0000000001', available: '-0.0041999999' } })
})

test('an overdraft lets a customer go so far below zero and no further', async () => {
  running = await runningApp({
    behaviour: { inputTokens: 1, outputTokens: 100 },
    lava: { guard: { overdraft: '0.002' } },
  })
  const answers = []
  for (let call = 0; call < 3; call++) {
    const answer = await running.call({ body: { max_tokens: 100 } })
    answers.push(answer.status)
    if (answer.status === 200) await running.recordsDone(call + 1)
  }
  expect(answers).toEqual([200, 402, 402])
})

test('shadow refuses nobody, and logs whom it would have refused', async () => {
  running = await runningApp({ lava: { guard: { shadow: true } } })
  expect((await running.call()).status).toBe(200)
  await running.recordsDone(1)
  expect(running.log.filter(({ text }) => text.includes('would refuse'))).toHaveLength(1)
  await running.lava.credit({ customer_id: 'ada', amount: '5', entry_id: 'e' })
  expect((await running.call()).status).toBe(200)
  await running.recordsDone(2)
  expect(running.log.filter(({ text }) => text.includes('would refuse'))).toHaveLength(1)
})

test('a storage that is away refuses with 503 and calls nobody', async () => {
  const storage = failingStorage()
  running = await runningApp({ lava: { storage } })
  await running.lava.credit({ customer_id: 'ada', amount: '1', entry_id: 'e' })
  storage.fail('hold', 1)
  const refused = await running.call()
  expect(refused.status).toBe(503)
  expect(await refused.json()).toMatchObject({ error: { code: 'storage_unavailable' } })
  expect(running.provider.callCount).toBe(0)
  expect((await running.call()).status).toBe(200)
})

test('a settlement that fails is tried again, after the answer, and charged once', async () => {
  const storage = failingStorage()
  running = await runningApp({ behaviour: { inputTokens: 1000, outputTokens: 100 }, lava: { storage } })
  await running.lava.credit({ customer_id: 'ada', amount: '1', entry_id: 'e' })
  storage.fail('settle', 2)
  const answer = await running.call()
  expect(await answer.json()).toMatchObject({ object: 'chat.completion' })
  await running.recordsDone(1)
  expect(await available()).toBe('0.9958000000')
})

test('a caller who leaves while sending is charged nothing, and its hold is freed', async () => {
  running = await runningApp({ lava: { inspectBytesMax: 10 } })
  await running.lava.credit({ customer_id: 'ada', amount: '1', entry_id: 'e' })
  const token = running.token({ customer_id: 'ada', meter_slug: 'chat' })
  for (const headers of [{ 'content-length': 1_000_000 }, {}]) {
    const done = running.records.length
    const connected = once(running.server, 'request')
    const req = request(`${running.base}/v1/forward?u=${chatUrl}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
    })
    req.on('error', () => undefined)
    req.write('x'.repeat(100_000))
    await connected
    // The hold is there: the call is under way.
    while ((await running.lava.canAfford({ customer_id: 'ada', amount: '0' })).available === '1.0000000000')
      await new Promise(setImmediate)
    req.destroy()
    const record = (await running.recordsDone(done + 1))[done]
    expect(record).toMatchObject({ status: 'completed', cost: '0.0000000000' })
    expect(await available()).toBe('1.0000000000')
  }
})

test('close waits for what runs, settles it, and refuses what comes after', async () => {
  running = await runningApp({ behaviour: { inputTokens: 1000, outputTokens: 100 } })
  await running.lava.credit({ customer_id: 'ada', amount: '1', entry_id: 'e' })
  const gate = running.provider.gate()
  const answer = running.call()
  await running.provider.waitForCalls(1)
  const closed = running.lava.close()
  expect((await running.call()).status).toBe(503)
  gate.release()
  expect((await answer).status).toBe(200)
  await closed
  expect(running.records.map((record) => record.charge?.amount)).toEqual(['0.0042000000'])
})

test('a tiered meter splits a request that crosses a tier, and racing requests never share the cheap part', async () => {
  const meter = {
    ...chatMeter,
    rate_type: 'fixed',
    tiers: [
      { start: '0', rate: '1000' },
      { start: '1000', rate: '2000' },
    ],
  } as const
  running = await runningApp({ behaviour: { inputTokens: 300, outputTokens: 100 }, lava: { meters: [meter] } })
  await running.lava.credit({ customer_id: 'ada', amount: '100', entry_id: 'e' })
  const answers = await Promise.all(Array.from({ length: 10 }, () => running.call()))
  expect(answers.every(({ status }) => status === 200)).toBe(true)
  await running.recordsDone(10)
  // 4,000 tokens: 1,000 at 0.001 and 3,000 at 0.002.
  expect(await available()).toBe('93.0000000000')
  const crossing = running.records.filter((record) => record.charge?.breakdown.length === 2)
  expect(crossing).toHaveLength(1)
})

test('records are listed newest first, page by page, filtered', async () => {
  running = await runningApp()
  for (let job = 0; job < 5; job++)
    await running.lava.report({
      request_id: `job-${job}`,
      customer_id: job < 3 ? 'ada' : 'bob',
      meter_slug: 'chat',
      cost: '0.1',
      metadata: { job: String(job) },
    })
  const get = async (search: string) => {
    const answer = await fetch(`${running.base}/v1/requests?${search}`, {
      headers: { authorization: `Bearer ${secretKey}` },
    })
    expect(answer.status).toBe(200)
    return (await answer.json()) as { data: { request_id: string }[]; has_more: boolean; next_cursor?: string }
  }
  const ids = (page: { data: { request_id: string }[] }) => page.data.map(({ request_id }) => request_id)
  const first = await get('limit=2')
  expect(ids(first)).toEqual(['job-4', 'job-3'])
  expect(first.has_more).toBe(true)
  expect(ids(await get(`limit=10&cursor=${first.next_cursor ?? ''}`))).toEqual(['job-2', 'job-1', 'job-0'])
  expect(ids(await get('customer_id=ada'))).toEqual(['job-2', 'job-1', 'job-0'])
  expect(ids(await get(`metadata_filters=${encodeURIComponent('[["job","3"]]')}`))).toEqual(['job-3'])
  const one = await fetch(`${running.base}/v1/requests/job-1`, { headers: { authorization: `Bearer ${secretKey}` } })
  expect(await one.json()).toMatchObject({
    request_id: 'job-1',
    charge: { amount: '0.1200000000' },
    cost_explanation: { source: 'reported' },
  })
  const again = await running.lava.report({
    request_id: 'job-1',
    customer_id: 'ada',
    meter_slug: 'chat',
    cost: '0.1',
    metadata: { job: '1' },
  })
  expect(again.balance_after).toBe('-0.2400000000')
})
