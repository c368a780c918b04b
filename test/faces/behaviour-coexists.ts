// Behaviour: beside the middleware that apps really have, and beside another gateway.
import { AsyncLocalStorage } from 'node:async_hooks'
import { gzipSync } from 'node:zlib'
import cors from 'cors'
import session from 'express-session'
import helmet from 'helmet'
import morgan from 'morgan'
import { afterEach, expect, test } from 'vitest'
import { memoryStorage } from '../../src/storage/memory.ts'
import type { LavaMembers } from '../../src/gateway/gateway.ts'
import type { Face } from './face.ts'
import { chatUrl, startFace, token, type RunningFace } from './running-face.ts'

export function coexists(face: Face): void {
  let running: RunningFace
  afterEach(() => running.close())

  test.each(['json parser', 'other parser'] as const)('with the %s in front', async (parser) => {
    running = await startFace(face, {
      build: (app) => {
        app.use(parser)
        app.gateway()
      },
    })
    const answer = await running.call('', { messages: [{ role: 'user', content: 'Grüße ✓' }] })
    expect(answer.status).toBe(200)
    const [call] = running.provider.calls
    expect(JSON.parse(String(call?.body))).toMatchObject({ messages: [{ content: 'Grüße ✓' }] })
    expect((await running.recordsDone(1))[0]).toMatchObject({ charge: { amount: '0.0042000000' } })
    // A call without a body stays one.
    const target = encodeURIComponent('https://api.openai.com/v1/responses/resp_1/cancel')
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const cancel = await fetch(`${running.base}/v1/forward?u=${target}`, { method: 'POST', headers })
    await cancel.text()
    expect(running.provider.calls[1]?.headers['content-length'] ?? '0').toBe('0')
  })

  test('with a parser in front that ate a packed body', async () => {
    running = await startFace(face, {
      build: (app) => {
        app.use('json parser')
        app.gateway()
      },
    })
    const packed = await fetch(`${running.base}/v1/forward?u=${encodeURIComponent(chatUrl)}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'content-encoding': 'gzip' },
      body: gzipSync(JSON.stringify({ model: 'gpt-4o', max_tokens: 100, messages: [] })),
    })
    expect(packed.status).toBe(200)
    expect(running.provider.calls[0]?.headers['content-encoding']).toBeUndefined()
    expect(JSON.parse(String(running.provider.calls[0]?.body))).toMatchObject({ model: 'gpt-4o' })
  })

  test('with a parser in front that a guard estimates from', async () => {
    running = await startFace(face, {
      build: (app) => {
        app.use('json parser')
        app.route('/chat', {
          guard: { provider: 'openai' },
          handler: ({ lava, json }) => json({ held: Number(lava?.held) }),
        })
      },
    })
    const held = async (max_tokens: number) =>
      (await (await running.post('/chat', JSON.stringify({ model: 'gpt-4o', messages: [], max_tokens }))).json()) as {
        held: number
      }
    const [small, large] = [await held(10), await held(10_000)]
    expect(large.held).toBeGreaterThan(small.held * 10)
  })

  test('with compression, which leaves events alone', async () => {
    running = await startFace(face, {
      build: (app) => {
        app.use('compression')
        app.gateway()
      },
    })
    expect(await (await running.call()).json()).toMatchObject({ usage: { total_tokens: 1100 } })
    const streamed = await running.call('', { stream: true })
    expect(streamed.headers.get('content-encoding')).toBeNull()
    expect(await streamed.text()).toContain('[DONE]')
    expect(await running.recordsDone(2)).toMatchObject([{ charge: { amount: '0.0042000000' } }, { charge: { amount: '0.0042000000' } }]) // prettier-ignore
  })

  test('with compression, each event when it comes', async () => {
    running = await startFace(face, {
      build: (app) => {
        app.use('compression')
        app.gateway()
      },
    })
    running.provider.next({ events: 2, text: 'one two', eventDelayMs: 60_000 })
    const leaving = new AbortController()
    const answer = await running.call('', { stream: true }, { signal: leaving.signal, headers: { 'accept-encoding': 'gzip' } }) // prettier-ignore
    for await (const chunk of answer.body ?? []) {
      expect(Buffer.from(chunk).toString()).toContain('data: ')
      break
    }
    leaving.abort()
  })

  test('with a time limit in front that answers first, and charges what the provider used', async () => {
    let limit = (): unknown => undefined
    running = await startFace(face, {
      build: (app) => {
        app.node((_req, res, next) => {
          limit = () => void res.writeHead(503, { 'content-type': 'text/plain' }).end('too slow')
          next()
        })
        app.gateway()
      },
    })
    const gate = running.provider.gate()
    const answer = running.call()
    await running.provider.waitForCalls(1)
    limit()
    expect(await (await answer).text()).toBe('too slow')
    gate.release()
    expect((await running.recordsDone(1))[0]).toMatchObject({ charge: { amount: '0.0042000000' }, usage_source: 'provider' }) // prettier-ignore
    expect(running.log).toEqual([])
    // The gateway is as good as before.
    expect((await running.call()).status).toBe(200)
  })

  test('with sessions that are saved late, before the answer ends', async () => {
    const saved: string[] = []
    class SlowStore extends session.Store {
      get(_id: string, done: (error: unknown, found?: session.SessionData | null) => void): void {
        setImmediate(done, null, null)
      }
      set(id: string, _data: session.SessionData, done?: (error?: unknown) => void): void {
        setImmediate(() => {
          saved.push(id)
          done?.()
        })
      }
      destroy(_id: string, done?: (error?: unknown) => void): void {
        done?.()
      }
    }
    const sessions = session({ secret: 'a', store: new SlowStore(), resave: true, saveUninitialized: true })
    running = await startFace(face, {
      build: (app) => {
        app.node((req, res, next) => {
          Reflect.apply(sessions, undefined, [req, res, next])
        })
        app.gateway()
      },
    })
    expect(await (await running.call()).json()).toMatchObject({ usage: { total_tokens: 1100 } })
    expect(await (await running.call('', { stream: true })).text()).toContain('[DONE]')
    const refused = await running.call('', {}, { headers: { authorization: 'Bearer nothing' } })
    expect(await refused.json()).toMatchObject({ error: { code: 'unauthorized' } })
    expect(refused.headers.get('set-cookie')).toContain('connect.sid')
    expect(saved).toHaveLength(3)
  })

  test('with hooks on the end of an answer, which see its status', async () => {
    const seen: number[] = []
    running = await startFace(face, {
      credit: '0.002',
      build: (app) => {
        app.node((_req, res, next) => {
          res.on('finish', () => seen.push(res.statusCode))
          next()
        })
        app.gateway()
      },
    })
    await (await running.call('', {}, { headers: { authorization: 'Bearer nothing' } })).text()
    await (await running.call('', { max_tokens: 10 })).text()
    await running.recordsDone(1)
    await (await running.call()).text()
    expect(seen).toEqual([401, 200, 402])
  })

  test('with the host’s own asynchronous context, in its functions and its records', async () => {
    const context = new AsyncLocalStorage<string>()
    const seen: unknown[] = []
    let records = 0
    const { promise: recorded, resolve } = Promise.withResolvers<undefined>()
    running = await startFace(face, {
      options: {
        meter: 'chat',
        onRecord: ({ request_id }) => {
          seen.push(`${request_id.slice(0, 4)} ${context.getStore()}`)
          if (++records === 2) resolve(undefined)
        },
      },
      build: (app) => {
        app.around((next) => context.run('request 1', next))
        app.gateway()
      },
    })
    await (await running.call()).text()
    await (await running.call('', { stream: true })).text()
    await recorded
    expect(seen).toEqual(['req_ request 1', 'req_ request 1'])
  })

  test('with a body that a parser in front refused or ate, and says so', async () => {
    const seen: unknown[] = []
    running = await startFace(face, {
      build: (app) => {
        app.use('json parser')
        app.use('form eater')
        app.gateway()
        app.errors((error) => seen.push(error))
      },
      seesErrors: true,
    })
    const url = `${running.base}/v1/forward?u=${encodeURIComponent(chatUrl)}`
    const send = (body: string) =>
      fetch(url, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body,
      })
    // Broken, or larger than the parser's limit: never ours.
    expect((await send('{"model":')).status).toBe(400)
    expect((await send(`{"model":"gpt-4o","messages":[],"x":"${'x'.repeat(2_000_000)}"}`)).status).toBe(413)
    expect(running.provider.callCount).toBe(0)
    const form = new FormData()
    form.append('model', 'gpt-4o')
    const eaten = await fetch(url, { method: 'POST', headers: { authorization: `Bearer ${token}` }, body: form })
    expect(await eaten.json()).toEqual({ seen: 'invalid_request' })
    expect(String(seen.at(-1))).toContain('Mount lavaGateway() before it')
    expect(running.provider.callCount).toBe(0)
  })

  test('with a parser in front that takes more than the gateway reads', async () => {
    running = await startFace(face, {
      options: { inspectBytesMax: 100 },
      build: (app) => {
        app.use('json parser')
        app.gateway()
      },
    })
    const answer = await running.call('', { messages: [{ role: 'user', content: 'x'.repeat(50_000) }] })
    expect(answer.status).toBe(200)
    expect(running.provider.calls[0]?.body.length).toBeGreaterThan(50_000)
    expect((await running.recordsDone(1))[0]).toMatchObject({ charge: { amount: '0.0042000000' } })
  })

  test('with itself, mounted twice by mistake: one call, one charge', async () => {
    running = await startFace(face, {
      build: (app) => {
        app.gateway()
        app.gateway()
      },
    })
    expect((await running.call()).status).toBe(200)
    await running.recordsDone(1)
    await running.lava.close()
    expect(running.records).toHaveLength(1)
    expect(running.provider.callCount).toBe(1)
  })

  test('with helmet, cors, morgan, sessions and trust proxy', async () => {
    const lines: string[] = []
    running = await startFace(face, {
      build: (app) => {
        app.use('trust proxy')
        app.node(morgan('tiny', { stream: { write: (line) => void lines.push(line) } }))
        app.node(helmet())
        app.node(cors({ origin: 'https://page.example' }))
        app.node((req, res, next) => {
          // Typed for Express, though it needs only Node's request.
          Reflect.apply(sessions, undefined, [req, res, next])
        })
        app.gateway()
      },
    })
    const sessions = session({ secret: 'a', resave: false, saveUninitialized: true })
    const preflight = await fetch(`${running.base}/v1/forward`, {
      method: 'OPTIONS',
      headers: { origin: 'https://page.example', 'access-control-request-method': 'POST' },
    })
    expect(preflight.status).toBe(204)
    const answer = await running.call('', {}, { headers: { 'x-forwarded-for': '203.0.113.7', 'x-forwarded-proto': 'https' } }) // prettier-ignore
    expect(answer.status).toBe(200)
    expect(answer.headers.get('access-control-allow-origin')).toBe('https://page.example')
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
    expect(running.provider.calls[0]?.headers['x-forwarded-for']).toBeUndefined()
    await running.recordsDone(1)
    expect(lines.at(-1)).toMatch(/POST \/v1\/forward\S* 200/)
  })

  test('with a second gateway in one app, each with its own balances', async () => {
    let second: LavaMembers | undefined
    running = await startFace(face, {
      build: (app, { options }) => {
        second = app.second({ ...options, storage: memoryStorage() })
        app.gateway()
      },
    })
    expect((await running.call()).status).toBe(200)
    expect((await running.call('/second')).status).toBe(402)
    await second?.credit({ customer_id: 'ada', amount: '1', entry_id: 'e' })
    expect((await running.call('/second')).status).toBe(200)
    await running.recordsDone(2)
    expect(await running.available()).toBe('0.9958000000')
    expect(await second?.canAfford({ customer_id: 'ada', amount: '0' })).toMatchObject({ available: '0.9958000000' })
    await second?.close()
  })
}
