// Behaviour: a route with a guard of its own in a router that has one, held and charged once.
import { afterEach, expect, test } from 'vitest'
import type { Face, RouteSteps } from './face.ts'
import { secretKey } from '../support/fixed.ts'
import { startFace, type Building, type RunningFace } from './running-face.ts'

export function guardsTwice(face: Face): void {
  let running: RunningFace
  afterEach(() => running.close())
  const start = async (steps: RouteSteps, more: Omit<Building, 'build'> = {}) => {
    running = await startFace(face, { ...more, build: (app) => app.route('/run', steps) })
  }
  const ask = () =>
    fetch(`${running.provider.url}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify({ model: 'gpt-4o', messages: [] }),
    })
  const charges = () => running.records.map(({ charge }) => charge?.amount ?? null)
  const ended = async () => expect(await running.lava.close()).toEqual({ left_open: 0, left_in_journal: 0 })

  test('by its own, which takes the place of the router’s', async () => {
    await start({
      outer: { estimate: '0.70' },
      guard: { estimate: '0.60' },
      handler: async ({ lava, json }) => {
        const seen = { held: lava?.held, available: await running.available() }
        await lava?.report({ cost: '0.10' })
        json(seen)
      },
    })
    const answer = await running.post('/run')
    expect(await answer.json()).toEqual({ held: '0.6000000000', available: '0.4000000000' })
    await ended()
    expect(charges()).toEqual([null, '0.1200000000'])
    expect(running.records[0]?.note).toContain('took its place')
    expect(running.records[1]?.request_id).toBe(answer.headers.get('x-lava-request-id'))
    expect(running.log).toEqual([])
  })

  test('and charges one request by a meter of requests', async () => {
    await start(
      { outer: { meter: 'runs' }, guard: { meter: 'runs' }, handler: ({ json }) => json({}) },
      { credit: '0.25' },
    )
    expect((await running.post('/run')).status).toBe(200)
    await ended()
    expect(charges()).toEqual([null, '0.2500000000'])
  })

  test('and holds nothing where the second refuses', async () => {
    await start({ outer: { estimate: '0.10' }, guard: { estimate: '2' }, handler: ({ json }) => json({}) })
    expect((await running.post('/run')).status).toBe(402)
    expect(await running.available()).toBe('1.0000000000')
    await ended()
    expect(charges()).toEqual([null])
  })

  test('and charges what the router’s capture reads', async () => {
    await start({
      outer: { provider: 'openai' },
      outerCapture: { provider: 'openai' },
      guard: { provider: 'openai', estimate: '0.30' },
      handler: async ({ relay }) => relay('json', await ask()),
    })
    expect(await (await running.post('/run')).text()).toContain('total_tokens')
    await running.recordsDone(2)
    await ended()
    expect(charges()).toEqual([null, '0.0042000000'])
  })

  test.each([undefined, { estimate: '0.30' }])(
    'and draws on the router’s budget once what two captures read (own guard: %o)',
    async (guard) => {
      await start({
        outer: { budget: '0.80' },
        outerCapture: { provider: 'openai' },
        ...(guard ? { guard } : {}),
        capture: { provider: 'openai' },
        handler: async ({ relay }) => relay('json', await ask()),
      })
      expect(await (await running.post('/run')).text()).toContain('total_tokens')
      await running.recordsDone(guard ? 3 : 2)
      await ended()
      expect(charges().filter((charge) => charge !== null)).toEqual(['0.0042000000'])
      expect(running.records.at(-1)?.balance_after).toBe('0.9958000000')
      expect(running.log).toEqual([])
    },
  )

  test('and draws on the router’s budget', async () => {
    await start({
      outer: { budget: '0.80' },
      guard: { estimate: '0.50' },
      handler: async ({ lava, json }) => {
        const seen = { held: lava?.held, available: await running.available() }
        await lava?.report({ cost: '0.10' })
        json(seen)
      },
    })
    expect(await (await running.post('/run')).json()).toEqual({ held: '0.5000000000', available: '0.2000000000' })
    await ended()
    expect(charges()).toEqual(['0.1200000000', null])
    expect(running.records[1]).toMatchObject({ endpoint: 'openBudget POST /run' })
  })

  test('and opens a budget of its own within the router’s', async () => {
    await start({
      outer: { budget: '0.80' },
      guard: { budget: '0.50' },
      handler: async ({ lava, json }) => {
        await lava?.report({ cost: '0.10' })
        json({ remaining: lava?.budget?.remaining, available: await running.available() })
      },
    })
    expect(await (await running.post('/run')).json()).toMatchObject({ remaining: '0.3800000000' })
    await ended()
    expect(charges().filter((charge) => charge !== null)).toEqual(['0.1200000000'])
    expect(running.records).toHaveLength(3)
  })

  test('and counts as one request of a signed token', async () => {
    await start(
      {
        outer: { estimate: '0.10' },
        guard: { estimate: '0.20' },
        handler: ({ lava, json }) => json({ held: lava?.held }),
      },
      { options: { secretKey } },
    )
    const token = running.lava.createForwardToken({
      customer_id: 'ada',
      meter_slug: 'chat',
      expiresIn: '1m',
      limits: { requests: 1, amount: '0.20' },
    })
    const call = () => fetch(`${running.base}/run`, { headers: { authorization: `Bearer ${token}` } })
    expect(await (await call()).json()).toEqual({ held: '0.2000000000' })
    expect((await call()).status).toBe(403)
  })
}
