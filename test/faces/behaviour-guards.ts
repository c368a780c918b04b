// Behaviour: guarded routes of the host's, settled exactly once, however they end.
import { afterEach, expect, test } from 'vitest'
import type { Face, RouteSteps } from './face.ts'
import { startFace, type Building, type RunningFace } from './running-face.ts'

export function guards(face: Face): void {
  let running: RunningFace
  afterEach(() => running.close())
  const start = async (steps: RouteSteps, more: Omit<Building, 'build'> = {}) => {
    running = await startFace(face, { ...more, build: (app) => app.route('/run', steps) })
  }
  /** Once is enough: nothing is finished a second time, and nothing stays held. */
  const settledOnce = async (available: string) => {
    await running.recordsDone(1)
    expect(await running.lava.close()).toEqual({ left_open: 0, left_in_journal: 0 })
    expect(running.records).toHaveLength(1)
    expect(running.records[0]?.balance_after ?? '1.0000000000').toBe(available)
  }

  test('with 402 before the handler runs', async () => {
    let ran = 0
    await start(
      { guard: { estimate: '0.50' }, handler: (exchange) => exchange.json({ ran: ++ran }) },
      { credit: '0.20', options: { topUpUrl: 'https://app.example/billing' } },
    )
    const answer = await running.post('/run')
    expect(answer.status).toBe(402)
    expect(answer.headers.get('x-lava-request-id')).toMatch(/^req_/)
    expect(await answer.json()).toMatchObject({
      error: { code: 'insufficient_balance', shortfall: '0.3000000000', top_up_url: 'https://app.example/billing' },
    })
    expect(ran).toBe(0)
  })

  test('by a function of the request, and names the route in the record', async () => {
    await start({
      guard: { estimate: ({ req }) => (req.headers['x-user'] === 'ada' ? '0.30' : '0') },
      handler: (exchange) => exchange.json({ held: exchange.lava?.held }),
    })
    expect(await (await running.post('/run?x=1')).json()).toEqual({ held: '0.3000000000' })
    expect((await running.recordsDone(1))[0]?.endpoint).toBe('POST /run')
  })

  test('and settles what the handler reports, once', async () => {
    await start({
      guard: { estimate: '0.50' },
      handler: async ({ lava, json }) => {
        const first = await lava?.report({ cost: '0.10' })
        json({ charged: first?.charge?.amount, again: [await lava?.report({ cost: '0.10' }), await lava?.release()] })
      },
    })
    expect(await (await running.post('/run')).json()).toEqual({ charged: '0.1200000000', again: [null, null] })
    await settledOnce('0.8800000000')
  })

  test('and frees the hold where the handler releases it', async () => {
    await start({
      guard: { estimate: '0.50' },
      handler: async ({ lava, json }) => {
        await lava?.release()
        json({ available: await running.available() })
      },
    })
    expect(await (await running.post('/run')).json()).toEqual({ available: '1.0000000000' })
    await settledOnce('1.0000000000')
  })

  test('and charges one request by a meter of requests', async () => {
    await start({ guard: { meter: 'runs' }, handler: (exchange) => exchange.json({}) })
    expect((await running.post('/run')).status).toBe(200)
    await settledOnce('0.7500000000')
  })

  test('and charges nothing where the handler throws', async () => {
    await start({
      guard: { meter: 'runs' },
      handler: () => Promise.reject(new Error('the handler failed')),
    })
    expect((await running.post('/run')).status).toBe(500)
    await settledOnce('1.0000000000')
  })

  test('and settles once where the handler reports, then throws', async () => {
    await start({
      guard: { estimate: '0.50' },
      handler: async ({ lava }) => {
        await lava?.report({ cost: '0.10' })
        throw new Error('the handler failed')
      },
    })
    expect((await running.post('/run')).status).toBe(500)
    await settledOnce('0.8800000000')
  })

  test('and cuts an answer under way where the handler throws', async () => {
    await start({
      guard: { estimate: '0.50' },
      handler: async ({ hold, res }) => {
        hold()
        res.statusCode = 200
        await new Promise((resolve) => res.write('half', resolve))
        throw new Error('the handler failed')
      },
    })
    await expect(running.post('/run').then((answer) => answer.text())).rejects.toThrow()
    await settledOnce('1.0000000000')
  })

  test('and settles once where the answer is ended twice', async () => {
    await start({
      guard: { meter: 'runs' },
      handler: ({ hold, res }) => {
        hold()
        res.statusCode = 200
        res.end('one')
        res.end()
      },
    })
    expect(await (await running.post('/run')).text()).toBe('one')
    await settledOnce('0.7500000000')
  })

  test('and sets more aside where the handler extends it, all of which settling frees', async () => {
    await start({
      guard: { estimate: '0.50' },
      handler: async ({ lava, json }) => {
        const extended = await lava?.extend('0.30')
        const seen = { extended, held: lava?.held, available: await running.available() }
        await lava?.report({ cost: '0.10' })
        json({ ...seen, late: await lava?.extend('0.10') })
      },
    })
    expect(await (await running.post('/run')).json()).toEqual({
      extended: '0.8000000000',
      held: '0.8000000000',
      available: '0.2000000000',
      late: null,
    })
    await settledOnce('0.8800000000')
  })

  test('and tells the host’s error handling, as a 402, what an extension lacks', async () => {
    const seen: unknown[] = []
    running = await startFace(face, {
      build: (app) => {
        app.route('/run', {
          guard: { estimate: '0.50' },
          handler: ({ lava }) => lava?.extend('0.60'),
        })
        app.errors((error) => seen.push(error))
      },
    })
    const answer = await running.post('/run')
    expect(answer.status).toBe(402)
    expect(await answer.json()).toEqual({ seen: 'insufficient_balance' })
    expect(seen).toMatchObject([{ details: { required: '0.6000000000', shortfall: '0.1000000000' } }])
    await settledOnce('1.0000000000')
  })

  test('and frees the hold where the caller leaves an answer that never comes', async () => {
    const { promise: called, resolve } = Promise.withResolvers<undefined>()
    await start({
      guard: { estimate: '0.50' },
      handler: ({ hold }) => {
        hold()
        resolve(undefined)
      },
    })
    const leaving = new AbortController()
    const answer = fetch(`${running.base}/run`, { headers: { 'x-user': 'ada' }, signal: leaving.signal })
    await called
    expect(await running.available()).toBe('0.5000000000')
    leaving.abort()
    await expect(answer).rejects.toThrow()
    await settledOnce('1.0000000000')
  })

  test('and does not keep a hold that was made after the caller had left', async () => {
    const leaving = new AbortController()
    const { promise: left, resolve } = Promise.withResolvers<undefined>()
    await start({
      guard: {
        estimate: ({ req }) => {
          req.socket.destroy()
          return '0.50'
        },
      },
      handler: ({ hold }) => {
        hold()
        resolve(undefined)
      },
    })
    await expect(
      fetch(`${running.base}/run`, { headers: { 'x-user': 'ada' }, signal: leaving.signal }),
    ).rejects.toThrow()
    await left
    await settledOnce('1.0000000000')
  })

  test('and settles a report though the answer never ends; close says what it left', async () => {
    const { promise, resolve } = Promise.withResolvers<undefined>()
    let requests = 0
    await start(
      {
        guard: { estimate: '0.10' },
        handler: async ({ hold, lava, res }) => {
          hold()
          res.statusCode = 200
          res.write('and so on')
          if (++requests === 1) await lava?.report({ cost: '0.05' })
          else resolve(undefined)
        },
      },
      { options: { closeTimeoutMs: 50 } },
    )
    await running.post('/run')
    await running.recordsDone(1)
    expect(await running.available()).toBe('0.9400000000')
    await running.post('/run')
    await promise
    expect(await running.lava.close()).toMatchObject({ left_open: 1 })
  })
}
