// What only Koa has: its context, its error path with headers and hooks, middleware that waits behind the gateway.
import { once } from 'node:events'
import { bodyParser } from '@koa/bodyparser'
import cors from '@koa/cors'
import Koa from 'koa'
import Koa2 from 'koa2'
import { afterEach, describe, expect, expectTypeOf, test } from 'vitest'
import { GatewayError } from '../../src/errors.ts'
import type { LavaRequest } from '../../src/gateway/guarded-route.ts'
import { lavaGateway, type LavaGateway } from '../../src/koa.ts'
import { memoryStorage } from '../../src/storage/memory.ts'
import { mockProvider, type MockProvider } from '../../src/testing/mock-provider.ts'
import { secretKey } from '../support/fixed.ts'
import { chatUrl, sharedOptions, token } from './running-face.ts'

interface Started {
  base: string
  lava: LavaGateway
  provider: MockProvider
  records: unknown[]
  close(): Promise<unknown>
}
let started: Started
afterEach(() => started.close())

async function start(app: Koa, build: (lava: LavaGateway) => void): Promise<void> {
  const provider = await mockProvider()
  const records: unknown[] = []
  const options = sharedOptions(provider, [], (record) => records.push(record))
  const lava = lavaGateway({ ...options, customer: (ctx) => ctx.get('x-user') })
  app.silent = true
  build(lava)
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  started = {
    base: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
    lava,
    provider,
    records,
    close() {
      server.close()
      server.closeAllConnections()
      return Promise.all([lava.close(), provider.close()])
    },
  }
}

const call = (headers: Record<string, string> = {}, body = '{"model":"gpt-4o","messages":[]}', target = chatUrl) =>
  fetch(`${started.base}/v1/forward?u=${encodeURIComponent(target)}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
    body,
  })

describe.each([
  ['Koa 2', Koa2],
  ['Koa 3', Koa],
])('%s', (_name, Create) => {
  test('keeps the headers that @koa/cors leaves on an error, and the request’s id', async () => {
    const app = new Create()
    await start(app, (lava) => {
      app.use(cors({ origin: 'https://page.example' }))
      app.use(lava)
    })
    const answer = await call({ origin: 'https://page.example' })
    expect(answer.status).toBe(402)
    expect(answer.headers.get('access-control-allow-origin')).toBe('https://page.example')
    expect(answer.headers.get('x-lava-request-id')).toMatch(/^req_/)
    expect(await answer.json()).toMatchObject({ error: { code: 'insufficient_balance' } })
  })

  test('leaves refusals to an `onerror` of the host’s own', async () => {
    const app = new Create()
    app.context.onerror = function (this: Koa.Context, error: unknown) {
      if (!(error instanceof GatewayError)) return
      this.res.statusCode = error.status
      this.res.end(`host: ${error.code}`)
    }
    await start(app, (lava) => app.use(lava))
    expect(await (await call()).text()).toBe('host: insufficient_balance')
  })

  test('cuts a guarded answer that fails under way, also behind an `onerror` of the host’s own', async () => {
    const app = new Create()
    const told: unknown[] = []
    app.context.onerror = function (error: unknown) {
      if (error) told.push(error)
    }
    await start(app, (lava) => {
      app.use(lava.balanceGuard({ estimate: '0' }))
      app.use(async (ctx) => {
        ctx.respond = false
        await new Promise((resolve) => ctx.res.write('half', resolve))
        throw new Error('the handler failed')
      })
    })
    const answer = await fetch(started.base, { headers: { 'x-user': 'ada' } })
    await expect(answer.text()).rejects.toThrow()
    expect(told).toEqual([new Error('the handler failed')])
  })

  test('cuts a guarded answer that fails under way, whatever is thrown and whoever gave its context an `onerror`', async () => {
    for (const thrown of [new GatewayError('forbidden', 'No.'), 'a text', '', 0]) {
      const app = new Create()
      const told: unknown[] = []
      app.silent = true
      await start(app, (lava) => {
        app.use((ctx, next) => {
          if (ctx.get('x-own') !== '')
            ctx.onerror = (error: unknown) => {
              if (error !== null) told.push(error)
            }
          return next()
        })
        app.use(lava.balanceGuard({ estimate: '0' }))
        app.use(async (ctx) => {
          ctx.respond = false
          await new Promise((resolve) => ctx.res.write('half', resolve))
          // eslint-disable-next-line @typescript-eslint/only-throw-error -- a host may
          throw thrown
        })
      })
      for (const own of ['', 'yes']) {
        const answer = await fetch(started.base, { headers: { 'x-user': 'ada', 'x-own': own } })
        await expect(answer.text()).rejects.toThrow()
      }
      expect(told).toEqual([thrown])
      await started.close()
    }
  })

  test('lays one `onerror` on an app, for any number of calls and gateways', async () => {
    const app = new Create()
    await start(app, (lava) => {
      app.use(lava)
      app.use(lavaGateway({ storage: memoryStorage(), journalPath: false, secretKey }))
      app.use(lava.balanceGuard({ estimate: '0' }))
      app.use((ctx) => {
        ctx.body = 'done'
      })
    })
    const laid = new Set<unknown>()
    for (let calls = 0; calls < 3; calls++) {
      expect(await (await fetch(started.base, { headers: { 'x-user': 'ada' } })).text()).toBe('done')
      laid.add(Reflect.get(app.context, 'onerror'))
    }
    expect(laid.size).toBe(1)
  })

  test('leaves an answer that is not guarded, and fails under way, to the host', async () => {
    const app = new Create()
    const told = new Promise((resolve) => {
      app.context.onerror = function (this: Koa.Context, error: unknown) {
        if (!error) return
        resolve(error)
        setImmediate(() => this.res.end(', told'))
      }
    })
    await start(app, (lava) => {
      app.use(lava)
      app.use(async (ctx) => {
        ctx.respond = false
        await new Promise((written) => ctx.res.write('half', written))
        throw new Error('the handler failed')
      })
    })
    const answer = await fetch(started.base, { headers: { 'x-user': 'ada' } })
    expect(await answer.text()).toBe('half, told')
    expect(await told).toEqual(new Error('the handler failed'))
  })

  test('lets middleware in front wait for the end of a stream', async () => {
    const app = new Create()
    const ended: boolean[] = []
    await start(app, (lava) => {
      app.use(async (ctx, next) => {
        await next()
        ended.push(ctx.res.writableEnded)
        // As a response-time middleware does: too late, and harmless.
        ctx.set('x-response-time', '1')
      })
      app.use(lava)
    })
    await started.lava.credit({ customer_id: 'ada', amount: '1', entry_id: 'e' })
    const answer = await call({}, '{"model":"gpt-4o","messages":[],"stream":true}')
    expect(await answer.text()).toContain('[DONE]')
    await expect.poll(() => ended).toEqual([true])
  })

  test('tells an error that a guarded handler threw in the gateway’s shape', async () => {
    const app = new Create()
    await start(app, (lava) => {
      app.use(lava.balanceGuard({ estimate: '0' }))
      app.use(() => {
        throw new GatewayError('not_found', 'There is no such agent.')
      })
    })
    const answer = await fetch(started.base, { headers: { 'x-user': 'ada' } })
    expect(answer.status).toBe(404)
    expect(await answer.json()).toMatchObject({ error: { code: 'not_found', message: 'There is no such agent.' } })
  })

  test('forwards a form that a body parser ate, from the text it kept', async () => {
    const app = new Create()
    await start(app, (lava) => {
      app.use(bodyParser())
      app.use(lava)
    })
    await started.lava.credit({ customer_id: 'ada', amount: '1', entry_id: 'e' })
    const answer = await call({ 'content-type': 'application/x-www-form-urlencoded' }, 'model=gpt-4o&x=%C3%A4')
    await answer.text()
    expect(String(started.provider.calls[0]?.body)).toBe('model=gpt-4o&x=%C3%A4')
  })
})

test('checks the host’s options as Express does', async () => {
  await start(new Koa(), () => undefined)
  // @ts-expect-error -- a typing slip, as JavaScript hosts make them
  expect(() => lavaGateway({ customer: 'ada' })).toThrow('customer')
  expect(() => started.lava.balanceGuard({ estimate: 'much' })).toThrow('estimate')
  // @ts-expect-error -- another
  expect(() => started.lava.balanceGuard({ estimat: '1' })).toThrow('did you mean `estimate`?')
})

test('gives the host’s functions the context, and the handler the open request', async () => {
  const app = new Koa()
  await start(app, (lava) => {
    app.use(
      lava.balanceGuard({
        estimate: (ctx) => {
          expectTypeOf(ctx).toExtend<Koa.Context>()
          return ctx.query.large === '1' ? '0.20' : '0.10'
        },
      }),
    )
    app.use((ctx) => {
      expectTypeOf(ctx.state.lava).toEqualTypeOf<LavaRequest | undefined>()
      ctx.body = { held: ctx.state.lava?.held }
    })
  })
  await started.lava.credit({ customer_id: 'ada', amount: '1', entry_id: 'e' })
  const answer = await fetch(`${started.base}/?large=1`, { headers: { 'x-user': 'ada' } })
  expect(await answer.json()).toEqual({ held: '0.2000000000' })
})
