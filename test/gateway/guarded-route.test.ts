// Guarded routes of the host's own: refused before the handler, settled exactly once, however the handler ends.
import express from 'express'
import { afterEach, describe, expect, test } from 'vitest'
import { runningApp, type AppOptions, type RunningApp } from '../support/running-app.ts'

let running: RunningApp
afterEach(() => running.close())

const meters = [
  {
    meter_slug: 'chat',
    name: 'Chat',
    rate_type: 'percentage',
    tier_type: 'tokens_1m',
    tiers: [{ start: '0', rate: '120' }],
  },
  {
    meter_slug: 'runs',
    name: 'Runs',
    rate_type: 'fixed',
    tier_type: 'requests',
    tiers: [{ start: '0', rate: '0.25' }],
  },
] as const

async function start(options: AppOptions, credit = '1'): Promise<void> {
  running = await runningApp({
    ...options,
    lava: { meters, customer: (req) => req.get('x-user'), meter: 'chat', ...options.lava },
  })
  if (credit !== '0') await running.lava.credit({ customer_id: 'ada', amount: credit, entry_id: 'e' })
}

const post = (path: string, body = '{}') =>
  fetch(`${running.base}${path}`, {
    method: 'POST',
    headers: { 'x-user': 'ada', 'content-type': 'application/json' },
    body,
  })
const available = async () => (await running.lava.canAfford({ customer_id: 'ada', amount: '0' })).available

describe('lava.balanceGuard()', () => {
  test('answers 402 before the handler runs, with what is missing', async () => {
    let ran = 0
    await start(
      {
        after: (app, lava) =>
          app.post('/run', lava.balanceGuard({ estimate: '0.50' }), (_req, res) => void res.json({ ran: ++ran })),
        lava: { topUpUrl: 'https://app.example/billing' },
      },
      '0.20',
    )
    const answer = await post('/run')
    expect(answer.status).toBe(402)
    expect(await answer.json()).toEqual({
      error: {
        code: 'insufficient_balance',
        message: expect.any(String) as string,
        status: 402,
        available: '0.2000000000',
        required: '0.5000000000',
        shortfall: '0.3000000000',
        top_up_url: 'https://app.example/billing',
        max_output_tokens: null,
      },
    })
    expect(ran).toBe(0)
  })

  test('holds the estimate while the handler runs, and settles what it reports, once', async () => {
    await start({
      after: (app, lava) =>
        app.post('/run', lava.balanceGuard({ estimate: '0.50' }), async (req, res) => {
          const held = { held: req.lava?.held, available: await available() }
          const first = await req.lava?.report({ cost: '0.10' })
          const second = await req.lava?.report({ cost: '0.10' })
          res.json({ ...held, charged: first?.charge?.amount, second })
        }),
    })
    const answer = await post('/run')
    expect(answer.headers.get('x-lava-request-id')).toMatch(/^req_live_/)
    expect(await answer.json()).toEqual({
      held: '0.5000000000',
      available: '0.5000000000',
      charged: '0.1200000000',
      second: null,
    })
    expect(await available()).toBe('0.8800000000')
    expect(running.records).toHaveLength(1)
  })

  test('releases the hold and warns where a charge was due and nothing was reported', async () => {
    await start({
      after: (app, lava) => app.post('/run', lava.balanceGuard({ estimate: '0.50' }), (_req, res) => void res.json({})),
    })
    await post('/run')
    await running.recordsDone(1)
    expect(await available()).toBe('1.0000000000')
    expect(running.log.filter(({ level }) => level === 'warn').map(({ text }) => text)).toEqual([
      expect.stringContaining('/run') as string,
    ])
  })

  test('charges one request by a meter of requests, and none when the route fails', async () => {
    await start({
      after: (app, lava) => {
        app.post('/run', lava.balanceGuard({ meter: 'runs' }), (_req, res) => void res.json({}))
        app.post('/fail', lava.balanceGuard({ meter: 'runs' }), () => {
          throw new Error('the handler failed')
        })
        const quiet: express.ErrorRequestHandler = (error, _req, res, next) => {
          if (res.headersSent) next(error)
          else res.status(500).end()
        }
        app.use(quiet)
      },
    })
    expect((await post('/run')).status).toBe(200)
    await running.recordsDone(1)
    expect(await available()).toBe('0.7500000000')
    expect((await post('/fail')).status).toBe(500)
    await running.recordsDone(2)
    expect(await available()).toBe('0.7500000000')
  })

  test('refuses options that it does not know', async () => {
    await start({})
    // @ts-expect-error -- a typing slip, as JavaScript hosts make them
    expect(() => running.lava.balanceGuard({ estimat: '1' })).toThrow('did you mean `estimate`?')
    expect(() => running.lava.balanceGuard({ meter: 'nope' })).toThrow('nope')
    expect(() => running.lava.balanceGuard({ estimate: '0.50', budget: '2.00' })).toThrow('give one of them')
    for (const budget of ['0', '-1', 'much'])
      expect(() => running.lava.balanceGuard({ budget })).toThrow('a decimal string of dollars above zero')
    expect(() => running.lava.balanceGuard({ provider: 'opena1' })).toThrow('did you mean `openai`?')
  })
})

describe('lava.usageCapture()', () => {
  const relay =
    (stream: boolean): NonNullable<AppOptions['after']> =>
    (app, lava) => {
      app.use(express.json())
      app.post(
        '/chat',
        lava.balanceGuard({ provider: 'openai' }),
        lava.usageCapture({ provider: 'openai' }),
        async (_req, res) => {
          const answer = await fetch(`${running.provider.url}/v1/chat/completions`, {
            method: 'POST',
            body: JSON.stringify({ model: 'gpt-4o', messages: [], stream, stream_options: { include_usage: true } }),
          })
          if (!stream) return void res.json(await answer.json())
          res.type('text/event-stream')
          for await (const chunk of answer.body ?? []) res.write(chunk)
          res.end()
        },
      )
    }

  test.each([false, true])('bills the answer that the handler relays (streamed: %s)', async (stream) => {
    await start({ behaviour: { inputTokens: 1000, outputTokens: 100 }, after: relay(stream) })
    const answer = await post('/chat', JSON.stringify({ model: 'gpt-4o', messages: [] }))
    expect(await answer.text()).toContain('total_tokens')
    const [record] = await running.recordsDone(1)
    expect(record).toMatchObject({
      usage_source: 'provider',
      model_usage: { input_tokens: 1000, output_tokens: 100 },
      cost: '0.0035000000',
      charge: { amount: '0.0042000000' },
    })
    expect(await available()).toBe('0.9958000000')
  })

  test('without a guard records and bills, and refuses nobody', async () => {
    await start(
      {
        after: (app, lava) =>
          app.post(
            '/chat',
            lava.usageCapture({ provider: 'anthropic' }),
            (_req, res) =>
              void res.json({
                id: 'msg_1',
                type: 'message',
                model: 'claude-sonnet-4-5',
                usage: { input_tokens: 1000, output_tokens: 100 },
              }),
          ),
      },
      '0',
    )
    expect((await post('/chat')).status).toBe(200)
    const [record] = await running.recordsDone(1)
    expect(record).toMatchObject({
      charge: { amount: '0.0054000000' },
      balance_after: '-0.0054000000',
      response_id: 'msg_1',
    })
  })
})
