// Budgets: a loop of many calls is affordable from the start, or refused at the start.
import express from 'express'
import { afterEach, describe, expect, test } from 'vitest'
import type { Budget, BudgetInput } from '../../src/gateway/budgets.ts'
import { memoryStorage } from '../../src/storage/memory.ts'
import { runningApp, type AppOptions, type RunningApp } from '../support/running-app.ts'

let running: RunningApp
afterEach(() => running.close())

async function start(options: AppOptions = {}, credit = '1'): Promise<void> {
  running = await runningApp({ behaviour: { inputTokens: 1000, outputTokens: 100 }, ...options })
  await running.lava.credit({ customer_id: 'ada', amount: credit, entry_id: 'e' })
}

const open = (input: Partial<BudgetInput> = {}) =>
  running.lava.openBudget({ customer_id: 'ada', meter_slug: 'chat', amount: '0.50', ...input })
const available = async () => (await running.lava.canAfford({ customer_id: 'ada', amount: '0' })).available
/** What follows a settlement is not awaited by anybody. */
const availableIs = async (amount: string) => {
  while ((await available()) !== amount) await new Promise(setImmediate)
}
const ask = (budget: Budget, max_tokens = 100) =>
  budget.fetch()(`${running.provider.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'gpt-4o', max_tokens, messages: [{ role: 'user', content: 'Hi' }] }),
  })
const calls = () => running.records.filter(({ endpoint }) => endpoint !== 'openBudget')

describe('lava.openBudget()', () => {
  test('refuses at the start what the balance does not cover', async () => {
    await start({}, '0.20')
    await expect(open()).rejects.toMatchObject({
      code: 'insufficient_balance',
      status: 402,
      details: { available: '0.2000000000', shortfall: '0.3000000000' },
    })
    expect(await available()).toBe('0.2000000000')
  })

  test('sets the money aside, pays a loop of calls from it, and frees the rest', async () => {
    await start()
    const budget = await open()
    expect(await available()).toBe('0.5000000000')
    for (let call = 0; call < 50; call++) expect(await (await ask(budget)).json()).toHaveProperty('usage')
    await running.recordsDone(50)
    expect(await budget.close()).toEqual({ spent: '0.2100000000' })
    expect(await available()).toBe('0.7900000000')
    expect(calls().map(({ charge }) => charge?.amount)).toEqual(Array<string>(50).fill('0.0042000000'))
  })

  test('shrinks its hold by what was charged, in one record, so that the customer seems never richer', async () => {
    await start()
    const budget = await open()
    for (let call = 0; call < 30; call++) {
      await (await ask(budget)).text()
      expect(Number(await available())).toBeLessThanOrEqual(0.5)
    }
    await running.recordsDone(30)
    await availableIs('0.5000000000')
    await budget.close()
    expect(running.records.filter(({ endpoint }) => endpoint === 'openBudget')).toMatchObject([
      {
        request_id: budget.budget_id,
        held: '0.5000000000',
        note: 'the budget was closed; 0.1260000000 of 0.5000000000 was spent',
      },
    ])
    expect(await available()).toBe('0.8740000000')
  })

  test('is extended within the balance, and what is refused changes nothing', async () => {
    await start({}, '1')
    const budget = await open({ amount: '0.002' })
    expect((await ask(budget, 1000)).status).toBe(402)
    expect(await budget.extend('0.498')).toBe('0.5000000000')
    expect(await available()).toBe('0.5000000000')
    expect((await ask(budget, 1000)).status).toBe(200)
    await expect(budget.extend('0.6')).rejects.toMatchObject({
      code: 'insufficient_balance',
      details: { required: '0.6000000000' },
    })
    for (const amount of ['0', '-1', 'much', '0.00000000001'])
      await expect(budget.extend(amount)).rejects.toMatchObject({ code: 'invalid_request' })
    await running.recordsDone(1)
    expect(budget.amount).toBe('0.5000000000')
    await budget.close()
    expect(await budget.extend('0.1')).toBeNull()
    expect(await available()).toBe('0.9958000000')
  })

  test('adds up extensions that race each other, its calls and its end, and holds nothing afterwards', async () => {
    await start({}, '10')
    const charged = () => running.records.reduce((sum, { charge }) => sum + Number(charge?.amount ?? 0), 0)
    for (let round = 0; round < 10; round++) {
      const budget = await open({ amount: '0.10' })
      const extending = Array.from({ length: 20 }, () => budget.extend('0.01'))
      const [calls] = await Promise.all([ask(budget), ...(round % 2 ? [Promise.all(extending)] : [budget.close()])])
      await calls.text()
      const amounts = (await Promise.all(extending)).filter((amount) => amount !== null)
      if (round % 2) expect(new Set(amounts).size).toBe(20)
      if (round % 2) expect(budget.amount).toBe('0.3000000000')
      // What is held is what remains, when all changes are done.
      while (round % 2 && Math.abs(Number(await available()) - (10 - charged() - Number(budget.remaining))) > 1e-9)
        await new Promise(setImmediate)
      await budget.close()
      expect(Number(await available())).toBeCloseTo(10 - charged(), 9)
    }
  })

  test('is never overspent by calls that race, and what it refuses reaches nobody', async () => {
    await start({ behaviour: { inputTokens: 8, outputTokens: 100 } })
    const budget = await open({ amount: '0.01' })
    const gate = running.provider.gate()
    const racing = Array.from({ length: 40 }, () => ask(budget))
    const refused = (await Promise.race([Promise.all(racing), running.provider.waitForCalls(8).then(() => null)])) ?? []
    expect(refused).toEqual([])
    gate.release()
    const statuses = (await Promise.all(racing)).map(({ status }) => status)
    expect(statuses.filter((status) => status === 200)).toHaveLength(8)
    expect(statuses.filter((status) => status === 402)).toHaveLength(32)
    await budget.close()
    expect(running.provider.callCount).toBe(8)
    expect(Number(budget.spent)).toBeLessThanOrEqual(0.01)
    expect(Number(await available())).toBeGreaterThanOrEqual(0.99)
  })

  test('answers 402 when it is spent, though the customer has more', async () => {
    await start()
    const budget = await open({ amount: '0.002' })
    const answer = await ask(budget, 1000)
    expect(answer.status).toBe(402)
    expect(await answer.json()).toMatchObject({
      error: { code: 'insufficient_balance', available: '0.0020000000', budget_id: budget.budget_id },
    })
  })

  test('pays forwarded calls and guarded routes that name it, of its own customer only', async () => {
    await start({
      before: (app) => app.use(express.json()),
      lava: { customer: (req) => req.get('x-user') },
      after: (app, lava) =>
        app.post('/run', lava.balanceGuard({ estimate: '0.20', meter: 'chat' }), async (req, res) => {
          await req.lava?.report({ cost: '0.10' })
          res.json({ available: await available() })
        }),
    })
    const budget = await open()
    const forwarded = await running.call({ headers: { ...budget.headers } })
    expect(forwarded.status).toBe(200)
    await forwarded.text()
    const run = (user: string) =>
      fetch(`${running.base}/run`, { method: 'POST', headers: { 'x-user': user, ...budget.headers } })
    expect((await run('ada')).status).toBe(200)
    expect((await run('eve')).status).toBe(404)
    await running.recordsDone(2)
    expect(running.provider.calls[0]?.headers).not.toHaveProperty('x-lava-budget')
    expect(await budget.close()).toEqual({ spent: '0.1242000000' })
    expect(await available()).toBe('0.8758000000')
  })

  test('takes reports, each once', async () => {
    await start()
    const budget = await open()
    for (let time = 0; time < 2; time++) await budget.report({ request_id: 'r1', cost: '0.10' })
    expect(budget.spent).toBe('0.1200000000')
    expect(budget.remaining).toBe('0.3800000000')
    await budget.close()
    expect(await available()).toBe('0.8800000000')
  })

  test('closes while a call runs: takes no new ones, and keeps that one’s part until it is settled', async () => {
    await start()
    const budget = await open()
    const gate = running.provider.gate()
    const answer = ask(budget)
    await running.provider.waitForCalls(1)
    const closed = budget.close()
    expect((await ask(budget)).status).toBe(404)
    gate.release()
    await (await answer).text()
    expect(await closed).toEqual({ spent: '0.0042000000' })
    expect(await available()).toBe('0.9958000000')
  })

  test('closes by itself after its time', async () => {
    await start()
    await open({ ttlMs: 20 })
    await running.recordsDone(1)
    expect(await available()).toBe('1.0000000000')
  })

  test('dies with its process: its hold expires, is never charged, and calls that were settled stay charged', async () => {
    const storage = memoryStorage()
    let now = Date.now()
    await start({ lava: { storage, clock: () => now } })
    const budget = await open()
    await (await ask(budget)).text()
    await running.recordsDone(1)
    // Its hold has followed the charge.
    await availableIs('0.5000000000')
    // Another instance, after the time in which the first one would have renewed.
    const dead = running
    now += 200_000
    running = await runningApp({ lava: { storage, clock: () => now, onLostRequest: 'charge' } })
    const [lost] = await running.recordsDone(1)
    expect(lost).toMatchObject({ endpoint: 'openBudget', status: 'error', charge: { amount: '0.0000000000' } })
    expect(await available()).toBe('0.9958000000')
    await dead.close()
    await storage.open()
  })

  test('is closed with the gateway, and refuses what it does not know', async () => {
    await start()
    await open()
    // @ts-expect-error -- a typing slip, as JavaScript hosts make them
    await expect(open({ ttl: 1 })).rejects.toMatchObject({ code: 'invalid_request' })
    await expect(open({ amount: '0' })).rejects.toMatchObject({ code: 'invalid_request' })
    expect(await running.lava.close()).toEqual({ left_open: 0, left_in_journal: 0 })
    await expect(open()).rejects.toMatchObject({ code: 'storage_unavailable' })
  })
})
