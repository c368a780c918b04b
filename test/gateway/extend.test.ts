// Extending a request that runs: more is set aside for it, or refused, and nothing stays held when it is finished.
import { afterEach, describe, expect, test } from 'vitest'
import type { LavaRequest } from '../../src/gateway/guarded-route.ts'
import type { LavaOptions } from '../../src/gateway/options.ts'
import { memoryStorage } from '../../src/storage/memory.ts'
import { failingStorage } from '../support/failing-storage.ts'
import { runningApp, secretKey, type RunningApp } from '../support/running-app.ts'
import type express from 'express'

let running: RunningApp
afterEach(() => running.close())

interface Route {
  lava: LavaRequest
  /** Ends the answer. */
  end: () => Promise<unknown>
}

const available = async () => (await running.lava.canAfford({ customer_id: 'ada', amount: '0' })).available
let entry: (req: express.Request, end: () => void) => void

async function start(lava: LavaOptions<express.Request> = {}, credit = '1'): Promise<void> {
  running = await runningApp({
    lava: { customer: (req) => req.get('x-user'), meter: 'chat', ...lava },
    after: (app, gateway) => {
      const handler: express.RequestHandler = (req, res) =>
        entry(req, () => {
          if (!res.headersSent) res.json({})
        })
      app.post('/run', gateway.balanceGuard({ estimate: '0.50' }), handler)
      app.post('/capture', gateway.usageCapture({ provider: 'openai' }), handler)
    },
  })
  if (credit !== '0') await running.lava.credit({ customer_id: 'ada', amount: credit, entry_id: 'e' })
}

/** A request that has reached its handler. */
async function enter(headers: Record<string, string> = { 'x-user': 'ada' }, path = '/run'): Promise<Route> {
  const entered = Promise.withResolvers<Route>()
  entry = (req, end) => {
    if (!req.lava) throw new Error('the route is not guarded')
    const done = async () => {
      end()
      return answer
    }
    entered.resolve({ lava: req.lava, end: done })
  }
  const answer = fetch(`${running.base}${path}`, { method: 'POST', headers }).then((response) => response.text())
  return entered.promise
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

describe('req.lava.extend()', () => {
  test('sets more aside while the request runs, and settling frees all of it', async () => {
    await start()
    const { lava, end } = await enter()
    expect(await lava.extend('0.30')).toBe('0.8000000000')
    expect(await lava.extend('0.20')).toBe('1.0000000000')
    expect(lava.held).toBe('1.0000000000')
    expect(await available()).toBe('0.0000000000')
    const record = await lava.report({ cost: '0.70' })
    expect(record).toMatchObject({ held: '1.0000000000', charge: { amount: '0.8400000000' } })
    expect(lava.held).toBe('0.0000000000')
    expect(await available()).toBe('0.1600000000')
    await end()
  })

  test('refuses what the balance does not cover, and changes nothing', async () => {
    await start({ topUpUrl: 'https://app.example/billing' })
    const { lava, end } = await enter()
    await expect(lava.extend('0.60')).rejects.toMatchObject({
      code: 'insufficient_balance',
      status: 402,
      details: {
        available: '0.5000000000',
        required: '0.6000000000',
        shortfall: '0.1000000000',
        top_up_url: 'https://app.example/billing',
      },
    })
    expect(lava.held).toBe('0.5000000000')
    expect(await available()).toBe('0.5000000000')
    expect(await lava.extend('0.50')).toBe('1.0000000000')
    await lava.release()
    expect(await available()).toBe('1.0000000000')
    await end()
  })

  test.each(['0', '-0.1', 'much', '', '0.00000000001', '999999999999'])('refuses the amount %j', async (amount) => {
    await start()
    const { lava, end } = await enter()
    await expect(lava.extend(amount)).rejects.toMatchObject({ code: 'invalid_request', status: 400 })
    // @ts-expect-error -- a number, as JavaScript hosts write it
    await expect(lava.extend(0.5)).rejects.toMatchObject({ code: 'invalid_request' })
    expect(lava.held).toBe('0.5000000000')
    await end()
  })

  test('gives null when the request was finished before, and holds nothing', async () => {
    await start()
    for (const finish of [
      (route: Route) => route.lava.report({ cost: '0.01' }),
      (route: Route) => route.lava.release(),
      (route: Route) => route.end().then(() => running.recordsDone(3)),
    ]) {
      const route = await enter()
      await finish(route)
      expect(await route.lava.extend('0.10')).toBeNull()
      expect(await available()).toBe('0.9880000000')
      await route.end()
    }
  })

  test('adds up extensions that are asked at the same time', async () => {
    await start()
    const { lava, end } = await enter()
    const told = await Promise.all(Array.from({ length: 8 }, () => lava.extend('0.10').catch(() => 'refused')))
    expect(told.filter((held) => held !== 'refused')).toEqual(
      [6, 7, 8, 9, 10].map((tenths) => (tenths / 10).toFixed(10)),
    )
    expect(await available()).toBe('0.0000000000')
    await end()
  })

  test('leaves nothing held when it races a settlement or a release', async () => {
    await start({}, '10')
    for (let round = 0; round < 20; round++) {
      const { lava, end } = await enter()
      const extend = () => lava.extend('0.25')
      const finish = () => (round % 4 < 2 ? lava.report({ cost: '0.10' }) : lava.release())
      const [extended, finished] = round % 2 ? [extend(), finish()] : [finish(), extend()].reverse()
      expect([null, '0.7500000000']).toContain(await extended)
      await finished
      await end()
    }
    await running.recordsDone(20)
    expect(await available()).toBe('8.8000000000')
  })

  test('draws more from the budget that the request draws on, and is refused by that', async () => {
    await start()
    const budget = await running.lava.openBudget({ customer_id: 'ada', meter_slug: 'chat', amount: '0.70' })
    const { lava, end } = await enter({ 'x-user': 'ada', ...budget.headers })
    expect(await lava.extend('0.15')).toBe('0.6500000000')
    expect(budget.remaining).toBe('0.0500000000')
    await expect(lava.extend('0.10')).rejects.toMatchObject({ code: 'insufficient_balance', details: { available: '0.0500000000', budget_id: budget.budget_id } }) // prettier-ignore
    expect(await available()).toBe('0.3000000000')
    await lava.report({ cost: '0.50' })
    expect(budget.remaining).toBe('0.1000000000')
    expect(await lava.extend('0.01')).toBeNull()
    await end()
    expect(await budget.close()).toEqual({ spent: '0.6000000000' })
    expect(await available()).toBe('0.4000000000')
  })

  test('changes nothing where nobody is billed or refused', async () => {
    await start({}, '0')
    const customer = { customer_id: 'ada', meter_slug: 'chat' }
    const unbilled = running.token({ ...customer, disable_billing: true })
    for (const [credential, path] of [
      [secretKey, '/run'],
      [unbilled, '/run'],
      [running.token(customer), '/capture'],
    ] as const) {
      const { lava, end } = await enter(bearer(credential), path)
      expect(await lava.extend('0.50')).toBe('0.0000000000')
      await lava.release()
      expect(await lava.extend('0.50')).toBeNull()
      await end()
    }
    expect(await available()).toBe('0.0000000000')
  })

  test('lets pass in shadow, and logs what it would have refused', async () => {
    await start({ guard: { shadow: true } })
    const { lava, end } = await enter()
    expect(await lava.extend('0.50')).toBe('1.0000000000')
    expect(running.log.filter(({ text }) => text.includes('would refuse'))).toEqual([])
    expect(await lava.extend('0.50')).toBe('1.5000000000')
    expect(running.log.filter(({ text }) => text.includes(`would refuse ${lava.request_id} 0.5000000000 more`))).toHaveLength(1) // prettier-ignore
    await end()
  })

  test('answers 503 while the storage is away, and sets the same total when it is asked again', async () => {
    const storage = failingStorage()
    await start({ storage, storageTimeoutMs: 200 })
    const { lava, end } = await enter()
    storage.fail('renew', 1)
    await expect(lava.extend('0.20')).rejects.toMatchObject({ code: 'storage_unavailable', status: 503 })
    expect(await available()).toBe('0.5000000000')
    // It is done, and its answer is lost.
    storage.mute('renew', 1)
    await expect(lava.extend('0.20')).rejects.toMatchObject({ code: 'storage_unavailable' })
    expect(await lava.extend('0.20')).toBe('0.7000000000')
    expect(await available()).toBe('0.3000000000')
    await end()
    await running.recordsDone(1)
    expect(await available()).toBe('1.0000000000')
  })

  test('lets pass while the storage is away where calls pass without a hold', async () => {
    const storage = failingStorage()
    await start({ storage, onStorageError: 'allow' })
    storage.fail('hold', 1)
    const unheld = await enter()
    expect(await unheld.lava.extend('0.20')).toBe('0.0000000000')
    await unheld.lava.report({ cost: '0.10' })
    await unheld.end()
    const held = await enter()
    storage.fail('renew', 1)
    expect(await held.lava.extend('0.20')).toBe('0.5000000000')
    expect(await held.lava.extend('0.20')).toBe('0.7000000000')
    await held.end()
    await running.recordsDone(2)
    expect(await available()).toBe('0.8800000000')
  })

  test('is what a lost request is charged', async () => {
    const storage = memoryStorage()
    let now = Date.now()
    await start({ storage, clock: () => now })
    const { lava, end } = await enter()
    await lava.extend('0.20')
    const dead = running
    now += 200_000
    running = await runningApp({ lava: { storage, clock: () => now, onLostRequest: 'charge' } })
    expect(await running.recordsDone(1)).toMatchObject([
      { request_id: lava.request_id, charge: { amount: '0.7000000000' } },
    ])
    expect(await available()).toBe('0.3000000000')
    // Its hold is gone, wherever it still runs.
    expect(await lava.extend('0.10')).toBeNull()
    await end()
    await dead.close()
    await storage.open()
  })

  test('takes more out of what a signed token allows, and is refused by its limit', async () => {
    await start({}, '5')
    const limits = { amount: '1.00' }
    const token = running.lava.createForwardToken({ customer_id: 'ada', meter_slug: 'chat', expiresIn: '15m', limits })
    const first = await enter(bearer(token))
    expect(await first.lava.extend('0.20')).toBe('0.7000000000')
    await expect(first.lava.extend('0.40')).rejects.toMatchObject({ code: 'forbidden', status: 403 })
    expect(first.lava.held).toBe('0.7000000000')
    const run = () => fetch(`${running.base}/run`, { method: 'POST', headers: bearer(token) })
    expect((await run()).status).toBe(403)
    await first.lava.report({ cost: '0.25' })
    await first.end()
    // 0.30 are spent.
    const second = await enter(bearer(token))
    expect(await second.lava.extend('0.20')).toBe('0.7000000000')
    await expect(second.lava.extend('0.01')).rejects.toMatchObject({ code: 'forbidden' })
    await second.end()
  })
})
