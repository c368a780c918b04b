// Behaviour: routes with a budget that the calls of their handler draw on, closed once, however they end.
import { afterEach, expect, test } from 'vitest'
import type { LavaRequest } from '../../src/gateway/guarded-route.ts'
import type { Exchange, Face, RouteSteps } from './face.ts'
import { startFace, type Building, type RunningFace } from './running-face.ts'

export function budgets(face: Face): void {
  let running: RunningFace
  afterEach(() => running.close())
  const start = async (
    steps: Pick<RouteSteps, 'handler'> & Partial<RouteSteps>,
    more: Omit<Building, 'build'> = {},
  ) => {
    const build: Building['build'] = (app) => app.route('/run', { guard: { budget: '0.50' }, ...steps })
    running = await startFace(face, { ...more, build })
  }
  /** One step of the agent: $0.0042. */
  const step = async (lava: LavaRequest | undefined, max_tokens = 100) => {
    if (!lava?.budget) throw new Error('the route has no budget')
    const answer = await lava.budget.fetch()(`${running.provider.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'gpt-4o', max_tokens, messages: [{ role: 'user', content: 'Hi' }] }),
    })
    await answer.text()
    return answer.status
  }
  const agent = async ({ lava, json }: Exchange) => {
    for (let count = 0; count < 5; count++) await step(lava)
    json({ done: true })
  }
  /** The budget is one record, finished once, and what is left is free. */
  const closedOnce = async (spent: string, available: string, records: number) => {
    await running.recordsDone(records)
    expect(await running.lava.close()).toEqual({ left_open: 0, left_in_journal: 0 })
    const holds = running.records.filter(({ endpoint }) => endpoint === 'openBudget POST /run')
    expect(holds).toMatchObject([{ status: 'completed', charge: null, note: expect.stringContaining(spent) as string }])
    expect(running.records).toHaveLength(records)
    expect(holds[0]?.balance_after).toBe(available)
  }

  test('of which a whole loop of calls is paid, and frees what is left', async () => {
    let seen: unknown
    await start({
      handler: async (exchange) => {
        const { lava } = exchange
        seen = [lava?.held, lava?.budget?.budget_id === lava?.request_id, await running.available()]
        await agent(exchange)
      },
    })
    const answer = await running.post('/run')
    expect(await answer.json()).toEqual({ done: true })
    expect(seen).toEqual(['0.5000000000', true, '0.5000000000'])
    await closedOnce('0.0210000000', '0.9790000000', 6)
    expect(answer.headers.get('x-lava-request-id')).toBe(running.records.find(({ endpoint }) => endpoint.startsWith('openBudget'))?.request_id) // prettier-ignore
  })

  test('with 402 before the handler runs where the balance does not cover it', async () => {
    let ran = 0
    await start({ handler: (exchange) => exchange.json({ ran: ++ran }) }, { credit: '0.20' })
    const answer = await running.post('/run')
    expect(answer.status).toBe(402)
    expect(await answer.json()).toMatchObject({ error: { code: 'insufficient_balance', shortfall: '0.3000000000' } })
    expect(ran).toBe(0)
    expect(running.records).toEqual([])
  })

  test('by a function of the request, refuses calls beyond it, and raises it where the handler extends it', async () => {
    await start({
      guard: { budget: ({ req }) => (req.headers['x-user'] === 'ada' ? '0.002' : '5') },
      handler: async ({ lava, json }) => {
        const refused = await step(lava, 1000)
        const held = await lava?.extend('0.1')
        const refusal = await lava
          ?.extend('5')
          .catch((error: unknown) => (error instanceof Error ? error.message : null))
        json({ refused, held, refusal, answered: await step(lava, 1000) })
      },
    })
    expect(await (await running.post('/run')).json()).toEqual({
      refused: 402,
      held: '0.1020000000',
      refusal: 'The balance does not cover so much more.',
      answered: 200,
    })
    await closedOnce('0.0042000000 of 0.1020000000', '0.9958000000', 2)
  })

  test('and charges it what the handler reports, each report by itself, and nothing after its end', async () => {
    await start({
      handler: async ({ lava, json }) => {
        const charged = [await lava?.report({ cost: '0.10' }), await lava?.report({ cost: '0.05' })].map((record) => record?.charge?.amount) // prettier-ignore
        const seen = [lava?.held, lava?.budget?.spent, await running.available()]
        await lava?.release()
        json({
          charged,
          seen,
          late: [await lava?.report({ cost: '0.10' }), await lava?.release(), await lava?.extend('0.1')],
        })
      },
    })
    expect(await (await running.post('/run')).json()).toEqual({
      charged: ['0.1200000000', '0.0600000000'],
      seen: ['0.3200000000', '0.1800000000', '0.5000000000'],
      late: [null, null, null],
    })
    await closedOnce('0.1800000000', '0.8200000000', 3)
    expect(running.records.map(({ endpoint }) => endpoint)).toEqual(['POST /run', 'POST /run', 'openBudget POST /run'])
  })

  test('and draws on it what is captured of an answer that the handler relays', async () => {
    await start({
      capture: { provider: 'openai' },
      handler: async ({ lava, relay }) => {
        await step(lava)
        const answer = await fetch(`${running.provider.url}/v1/chat/completions`, {
          method: 'POST',
          body: JSON.stringify({ model: 'gpt-4o', messages: [] }),
        })
        await relay('json', answer)
      },
    })
    expect(await (await running.post('/run')).text()).toContain('total_tokens')
    await closedOnce('0.0084000000', '0.9916000000', 3)
  })

  test('and closes it where the handler throws', async () => {
    await start({
      handler: async ({ lava }) => {
        await step(lava)
        throw new Error('the handler failed')
      },
    })
    expect((await running.post('/run')).status).toBe(500)
    await closedOnce('0.0042000000', '0.9958000000', 2)
  })

  test('and closes it where the caller leaves; a call that runs keeps its part until it is settled', async () => {
    const { promise: entered, resolve } = Promise.withResolvers<LavaRequest | undefined>()
    await start({
      handler: ({ hold, lava }) => {
        hold()
        resolve(lava)
      },
    })
    const gate = running.provider.gate()
    const leaving = new AbortController()
    const answer = fetch(`${running.base}/run`, {
      method: 'POST',
      headers: { 'x-user': 'ada' },
      signal: leaving.signal,
    })
    const lava = await entered
    const underWay = step(lava)
    await running.provider.waitForCalls(1)
    leaving.abort()
    await expect(answer).rejects.toThrow()
    while (lava?.budget?.remaining !== '0.0000000000') await new Promise(setImmediate)
    expect(await step(lava)).toBe(404)
    expect(Number(lava.held)).toBeGreaterThan(0)
    gate.release()
    expect(await underWay).toBe(200)
    await closedOnce('0.0042000000', '0.9958000000', 2)
    expect(running.provider.callCount).toBe(1)
  })
}
