// Behaviour: calls that are forwarded and work that is reported, at every mount point and protocol.
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import http2 from 'node:http2'
import { afterEach, expect, test } from 'vitest'
import { forwardToken } from '../../src/gateway/forward-token.ts'
import { mockProvider } from '../../src/testing/mock-provider.ts'
import { secretKey } from '../support/fixed.ts'
import type { Face } from './face.ts'
import { chatUrl, sharedOptions, startFace, token, type RunningFace } from './running-face.ts'

export function forwards(face: Face): void {
  let running: RunningFace
  afterEach(() => running.close())
  const start = async (credit = '1') => {
    running = await startFace(face, { credit, build: (app) => app.gateway() })
  }

  test('a plain call, and charges its usage', async () => {
    await start()
    const answer = await running.call()
    expect(answer.status).toBe(200)
    expect(await answer.json()).toMatchObject({ usage: { prompt_tokens: 1000, completion_tokens: 100 } })
    const [record] = await running.recordsDone(1)
    expect(record).toMatchObject({ charge: { amount: '0.0042000000' }, usage_source: 'provider' })
    expect(answer.headers.get('x-lava-request-id')).toBe(record?.request_id)
    expect(await running.available()).toBe('0.9958000000')
  })

  test('a stream event by event, and charges its usage', async () => {
    await start()
    running.provider.next({ inputTokens: 1000, outputTokens: 100, events: 3, eventDelayMs: 30 })
    const answer = await running.call('', { stream: true })
    let chunks = 0
    let text = ''
    for await (const chunk of answer.body ?? []) {
      chunks++
      text += Buffer.from(chunk).toString()
    }
    expect(chunks).toBeGreaterThan(1)
    expect(text).toContain('[DONE]')
    expect((await running.recordsDone(1))[0]).toMatchObject({ charge: { amount: '0.0042000000' } })
  })

  test('nothing for a customer who can’t pay: 402, and the provider is never called', async () => {
    await start('0')
    const answer = await running.call()
    expect(answer.status).toBe(402)
    expect(answer.headers.get('content-type')).toContain('application/json')
    expect(answer.headers.get('x-lava-request-id')).toMatch(/^req_/)
    expect(await answer.json()).toMatchObject({ error: { code: 'insufficient_balance', status: 402 } })
    expect(running.provider.callCount).toBe(0)
  })

  test('a report into a record that can be read again', async () => {
    await start()
    const headers = { authorization: `Bearer ${secretKey}`, 'content-type': 'application/json' }
    const report = { request_id: 'job/1', customer_id: 'ada', meter_slug: 'chat', cost: '0.10' }
    const post = () => fetch(`${running.base}/v1/requests`, { method: 'POST', headers, body: JSON.stringify(report) })
    expect((await post()).status).toBe(201)
    expect((await post()).status).toBe(200)
    const one = await fetch(`${running.base}/v1/requests/job%2F1`, { headers })
    expect(await one.json()).toMatchObject({ request_id: 'job/1', charge: { amount: '0.1200000000' } })
    expect(await (await fetch(`${running.base}/v1/requests?limit=5`, { headers })).json()).toMatchObject({
      data: [{ request_id: 'job/1' }],
    })
  })

  test.each([
    ['root', ''],
    ['path', '/ai'],
    ['router', '/ai'],
    ['sub-app', '/ai'],
    ['router with parameters', '/tenants/42/ai'],
    ['sub-app of a sub-app', '/ai/inner'],
  ] as const)('mounted as %s, and leaves all else alone', async (mount, at) => {
    running = await startFace(face, {
      build: (app) => {
        app.gateway(mount)
        app.route('/ai/own', { handler: (exchange) => exchange.json({ own: true }) })
      },
    })
    expect((await running.call(at)).status).toBe(200)
    expect((await running.call(at, { stream: true })).status).toBe(200)
    const authorization = `Bearer ${token}`
    for (const path of ['/v1/providers/openai/chat/completions', '/v1/providers/openai/chat/completions/']) {
      const headers = { authorization, 'content-type': 'application/json' }
      const body = '{"model":"gpt-4o","messages":[]}'
      expect((await fetch(`${running.base}${at}${path}`, { method: 'POST', headers, body })).status, path).toBe(200)
    }
    const slash = `${running.base}${at}/v1/requests/`
    expect((await fetch(slash, { headers: { authorization: `Bearer ${secretKey}` } })).status).toBe(200)
    expect(await (await running.post('/ai/own')).json()).toEqual({ own: true })
    for (const path of ['/v1/nothing', '/v1/forwards', '/v1//forward', '/v1/forward/more'])
      expect((await running.post(`${at}${path}`)).status, path).toBe(404)
    await running.recordsDone(4)
  })

  test('no HEAD and no OPTIONS: those are the host’s', async () => {
    await start()
    const paths = [`/v1/forward?u=${chatUrl}`, '/v1/providers/openai/models', '/v1/requests', '/v1/requests/r']
    for (const path of paths)
      for (const method of ['HEAD', 'OPTIONS'])
        expect((await fetch(`${running.base}${path}`, { method })).status, `${method} ${path}`).toBe(404)
    expect(running.provider.callCount).toBe(0)
  })

  test('many calls on one connection: answers, refusals, streams', async () => {
    await start()
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const send = async (body: Record<string, unknown>, credential = token) => {
      const call = request(`${running.base}/v1/forward?u=${encodeURIComponent(chatUrl)}`, {
        method: 'POST',
        agent,
        headers: { authorization: `Bearer ${credential}`, 'content-type': 'application/json' },
      })
      call.end(JSON.stringify({ model: 'gpt-4o', max_tokens: 100, messages: [], ...body }))
      const [answer] = (await once(call, 'response')) as [import('node:http').IncomingMessage]
      await once(answer.resume(), 'end')
      return [answer.statusCode, call.reusedSocket]
    }
    try {
      expect(await send({})).toEqual([200, false])
      expect(await send({ stream: true })).toEqual([200, true])
      expect(await send({}, 'nothing')).toEqual([401, true])
      expect(await send({}, forwardToken({ secret_key: secretKey, customer_id: 'bob', meter_slug: 'chat' }))).toEqual([402, true]) // prettier-ignore
      running.provider.next({ status: 500 })
      expect(await send({})).toEqual([500, true])
      expect(await send({})).toEqual([200, true])
    } finally {
      agent.destroy()
    }
  })

  test('after 100 Continue', async () => {
    await start()
    const body = JSON.stringify({ model: 'gpt-4o', messages: [] })
    const call = request(`${running.base}/v1/forward?u=${encodeURIComponent(chatUrl)}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        expect: '100-continue',
      },
    })
    call.flushHeaders()
    await once(call, 'continue')
    const answered = once(call, 'response') as Promise<[import('node:http').IncomingMessage]>
    call.end(body)
    const [answer] = await answered
    answer.resume()
    expect(answer.statusCode).toBe(200)
    expect((await running.recordsDone(1))[0]).toMatchObject({ charge: { amount: '0.0042000000' } })
  })

  test('a caller who leaves a stream is charged once, for what came', async () => {
    await start()
    running.provider.next({ inputTokens: 1000, outputTokens: 100, events: 5, eventDelayMs: 50 })
    const leaving = new AbortController()
    const answer = await running.call('', { stream: true }, { signal: leaving.signal })
    await answer.body?.getReader().read()
    leaving.abort()
    expect((await running.recordsDone(1))[0]).toMatchObject({ charge: { amount: '0.0042000000' } })
    expect(await running.lava.close()).toEqual({ left_open: 0, left_in_journal: 0 })
    expect(running.records).toHaveLength(1)
  })

  test('over HTTP/2: plain, streamed, refused, and a caller who leaves', async () => {
    await start()
    const provider = await mockProvider({ behaviour: { inputTokens: 1000, outputTokens: 100 } })
    const { promise, resolve } = Promise.withResolvers<undefined>()
    const records: unknown[] = []
    const { lava, listener } = face.http2(
      sharedOptions(provider, [], (record) => {
        if (records.push(record.charge?.amount) === 3) resolve(undefined)
      }),
    )
    const server = http2.createServer((req, res) => {
      Reflect.apply(listener, undefined, [req, res])
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    const client = http2.connect(`http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`)
    const send = (body: Record<string, unknown>) => {
      const stream = client.request({
        ':method': 'POST',
        ':path': `/v1/forward?u=${encodeURIComponent(chatUrl)}`,
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
      })
      stream.end(JSON.stringify({ model: 'gpt-4o', max_tokens: 100, messages: [], ...body }))
      return stream
    }
    const call = async (body: Record<string, unknown>) => {
      const stream = send(body)
      const [head] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders & { ':status'?: number }]
      let text = ''
      for await (const chunk of stream) text += String(chunk)
      return { status: head[':status'], text }
    }
    try {
      expect(await call({})).toMatchObject({ status: 402, text: expect.stringContaining('insufficient_balance') as string }) // prettier-ignore
      await lava.credit({ customer_id: 'ada', amount: '1', entry_id: 'e' })
      expect(await call({})).toMatchObject({ status: 200, text: expect.stringContaining('"usage"') as string })
      expect(await call({ stream: true })).toMatchObject({ status: 200, text: expect.stringContaining('[DONE]') as string }) // prettier-ignore
      provider.next({ inputTokens: 1000, outputTokens: 100, events: 5, eventDelayMs: 50 })
      const left = send({ stream: true })
      await once(left, 'data')
      left.close(http2.constants.NGHTTP2_CANCEL)
      await promise
      expect(records).toEqual(['0.0042000000', '0.0042000000', '0.0042000000'])
    } finally {
      client.close()
      server.close()
      await Promise.all([lava.close(), provider.close()])
    }
  })
}
