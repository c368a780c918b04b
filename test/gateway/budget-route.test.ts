// Routes with a budget, beyond what every framework shows: who pays, what limits it, what happens when things end at odd times.
import type express from 'express'
import { afterEach, describe, expect, test } from 'vitest'
import type { LavaRequest } from '../../src/gateway/guarded-route.ts'
import type { LavaOptions } from '../../src/gateway/options.ts'
import { failingStorage } from '../support/failing-storage.ts'
import { runningApp, secretKey, type RunningApp } from '../support/running-app.ts'

let running: RunningApp
afterEach(() => running.close())

type Handler = (lava: LavaRequest) => unknown
let handler: Handler

async function start(lava: LavaOptions<express.Request> = {}, credit = '1'): Promise<void> {
  running = await runningApp({
    behaviour: { inputTokens: 1000, outputTokens: 100 },
    lava: { customer: (req) => req.get('x-user'), meter: 'chat', ...lava },
    after: (app, gateway) =>
      app.post('/run', gateway.balanceGuard({ budget: '0.50', provider: 'openai' }), async (req, res) => {
        if (!req.lava) throw new Error('the route is not guarded')
        res.json((await handler(req.lava)) ?? {})
      }),
  })
  if (credit !== '0') await running.lava.credit({ customer_id: 'ada', amount: credit, entry_id: 'e' })
}

const available = async () => (await running.lava.canAfford({ customer_id: 'ada', amount: '0' })).available
const run = (does: Handler, headers: Record<string, string> = { 'x-user': 'ada' }) => {
  handler = does
  const body = JSON.stringify({ model: 'gpt-4o' })
  return fetch(`${running.base}/run`, { method: 'POST', headers, body })
}
/** One step of the agent: $0.0042. */
const step = async ({ budget }: LavaRequest): Promise<number> => {
  const answer = await budget?.fetch()(`${running.provider.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'gpt-4o', max_tokens: 100, messages: [{ role: 'user', content: 'Hi' }] }),
  })
  await answer?.text()
  return answer?.status ?? 0
}
const messageOf = (error: unknown) => (error instanceof Error ? error.message : null)
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

describe('lava.balanceGuard({ budget })', () => {
  test('takes its budget out of the one that the caller names, which gets back what is left', async () => {
    await start()
    const outer = await running.lava.openBudget({ customer_id: 'ada', meter_slug: 'chat', amount: '0.60' })
    const seen = await run(
      async (lava) => {
        await step(lava)
        await running.recordsDone(1)
        const refusal = await lava.extend('0.20').catch(messageOf)
        const held = await lava.extend('0.10')
        return { refusal, held, remaining: outer.remaining, spent: outer.spent, available: await available() }
      },
      { 'x-user': 'ada', ...outer.headers },
    )
    expect(await seen.json()).toEqual({
      refusal: 'The budget does not cover this request.',
      held: '0.5958000000',
      remaining: '0.0000000000',
      spent: '0.0042000000',
      available: '0.4000000000',
    })
    await running.recordsDone(2)
    expect(outer.remaining).toBe('0.5958000000')
    expect((await run(() => undefined, { 'x-user': 'eve', ...outer.headers })).status).toBe(404)
    expect(await outer.close()).toEqual({ spent: '0.0042000000' })
    expect(await available()).toBe('0.9958000000')
  })

  test('bounds nothing and charges nobody where the merchant pays or billing is off', async () => {
    await start({}, '0')
    const unbilled = running.token({ customer_id: 'ada', meter_slug: 'chat', disable_billing: true })
    for (const credential of [secretKey, unbilled]) {
      const answer = await run(async (lava) => {
        const statuses = [await step(lava), await step(lava)]
        const reported = await lava.budget?.report({ request_id: credential, cost: '0.10' })
        return { statuses, charge: reported?.charge ?? null, held: [lava.held, await lava.extend('0.10')], spent: lava.budget?.spent } // prettier-ignore
      }, bearer(credential))
      expect(await answer.json()).toEqual({
        statuses: [200, 200],
        charge: null,
        held: ['0.0000000000', '0.0000000000'],
        spent: '0.0000000000',
      })
    }
    expect(await available()).toBe('0.0000000000')
  })

  test('is one request of a signed token, counted with what its calls were charged', async () => {
    await start({}, '5')
    const limits = { amount: '0.60', requests: 3 }
    const token = running.lava.createForwardToken({ customer_id: 'ada', meter_slug: 'chat', expiresIn: '15m', limits })
    const answer = await run(async (lava) => {
      for (let count = 0; count < 20; count++) await step(lava)
      return {
        held: await lava.extend('0.05'),
        limited: await lava.extend('0.10').catch(messageOf),
      }
    }, bearer(token))
    expect(await answer.json()).toMatchObject({ limited: expect.stringContaining('good for 0.6000000000') as string })
    await running.recordsDone(21)
    await running.lava.credit({ customer_id: 'ada', amount: '1', entry_id: 'another' })
    // $0.084 of $0.60 are spent: a second budget of $0.50 fits, a third beside it does not.
    const second = await run(async (lava) => ({ beside: (await run(() => undefined, bearer(token))).status, spent: lava.budget?.spent }), bearer(token)) // prettier-ignore
    expect(await second.json()).toEqual({ beside: 403, spent: '0.0000000000' })
  })

  test('warns where a route ends and nothing was charged to its budget', async () => {
    await start()
    await run(() => undefined)
    await running.recordsDone(1)
    await running.lava.close()
    const warnings = running.log.filter(({ level }) => level === 'warn').map(({ text }) => text)
    expect(warnings).toEqual([expect.stringContaining('POST /run ended, and nothing was charged') as string])
  })

  test('keeps a report that the storage could not take, and charges it when it answers again', async () => {
    const storage = failingStorage()
    await start({ storage })
    const answer = await run(async (lava) => {
      storage.fail('settle', 1)
      const record = await lava.report({ cost: '0.10' })
      return { charged: record?.charge?.amount, spent: lava.budget?.spent }
    })
    expect(await answer.json()).toEqual({ charged: '0.1200000000', spent: '0.1200000000' })
    await running.recordsDone(2)
    expect(await available()).toBe('0.8800000000')
  })

  test('takes no more calls once the gateway is closing, but what the handler reports, and is freed with its answer', async () => {
    await start()
    let closed: Promise<unknown> = Promise.resolve()
    const answer = await run(async (lava) => {
      closed = running.lava.close()
      return { status: await step(lava), charge: (await lava.report({ cost: '0.10' }))?.charge?.amount }
    })
    expect(await answer.json()).toEqual({ status: 503, charge: '0.1200000000' })
    expect(await closed).toEqual({ left_open: 0, left_in_journal: 0 })
    expect(running.records.at(-1)).toMatchObject({ endpoint: 'openBudget POST /run', balance_after: '0.8800000000' })
  })
})
