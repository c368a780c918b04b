// Forward: every form of target, every carrier of a credential, bodies and headers as they came, streams as they come.
import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import zlib from 'node:zlib'
import express from 'express'
import { afterEach, describe, expect, test } from 'vitest'
import { parseMoney } from '../../src/money.ts'
import { chatUrl, runningApp, secretKey, type RunningApp } from '../support/running-app.ts'

let running: RunningApp
afterEach(() => running.close())

const body = JSON.stringify({ model: 'gpt-4o', max_tokens: 5, messages: [{ role: 'user', content: 'Hi – ünïcode' }] })
const json = { 'content-type': 'application/json' }

function post(path: string, headers: Record<string, string>, text: string | Uint8Array = body): Promise<Response> {
  return fetch(`${running.base}${path}`, { method: 'POST', headers: { ...json, ...headers }, body: text })
}

const merchant = { authorization: `Bearer ${secretKey}` }

describe('the target', () => {
  const gemini = 'https://generativelanguage.googleapis.com/v1beta/models/gemini-2.0-flash:streamGenerateContent'
  test.each([
    ['percent-encoded', `?u=${encodeURIComponent(chatUrl)}`, '/v1/chat/completions'],
    ['raw', `?u=${chatUrl}`, '/v1/chat/completions'],
    ['raw with its own query', `?u=${gemini}?alt=sse`, '/v1beta/models/gemini-2.0-flash:streamGenerateContent?alt=sse'],
    [
      'raw with two parameters, the second outside',
      `?u=${chatUrl}?limit=2&after=x%2By`,
      '/v1/chat/completions?limit=2&after=x%2By',
    ],
    ['raw with an outer parameter only', `?u=${chatUrl}&after=x`, '/v1/chat/completions?after=x'],
    [
      'encoded with two parameters inside',
      `?u=${encodeURIComponent(`${chatUrl}?x=1&y=2`)}`,
      '/v1/chat/completions?x=1&y=2',
    ],
    [
      'raw with an encoded slash, kept',
      '?u=https://api.openai.com/v1/files/a%2Fb/chat/completions',
      '/v1/files/a%2Fb/chat/completions',
    ],
  ])('is taken %s', async (_form, search, path) => {
    running = await runningApp()
    const answer = await post(`/v1/forward${search}`, merchant)
    await answer.text()
    expect(running.provider.calls[0]?.path).toBe(path)
    expect(answer.headers.get('x-lava-request-id')).toMatch(/^req_live_/)
  })

  test.each(['GET', 'POST', 'PUT', 'PATCH', 'DELETE'])('is called with %s', async (method) => {
    running = await runningApp()
    const answer = await fetch(`${running.base}/v1/forward?u=https://api.openai.com/v1/files`, {
      method,
      headers: merchant,
    })
    expect(answer.status).toBe(404)
    expect(running.provider.calls[0]?.method).toBe(method)
  })

  test('falls through to the host on other methods and paths', async () => {
    running = await runningApp({ after: (app) => app.use((_req, res) => void res.status(418).send('the host')) })
    for (const [method, path] of [
      ['OPTIONS', '/v1/forward'],
      ['GET', '/v1/forwards'],
      ['GET', '/'],
      ['PUT', '/v1/requests'],
    ] as const)
      expect((await fetch(`${running.base}${path}`, { method })).status).toBe(418)
  })

  test('works below a mount path', async () => {
    running = await runningApp({ mount: '/ai' })
    await running.lava.credit({ customer_id: 'ada', amount: '1', entry_id: 'e' })
    expect((await running.call()).status).toBe(200)
  })
})

describe('the credential', () => {
  const carriers: [string, (credential: string) => { path: string; headers: Record<string, string> }][] = [
    ['Authorization', (credential) => ({ path: '', headers: { authorization: `Bearer ${credential}` } })],
    ['x-api-key', (credential) => ({ path: '', headers: { 'x-api-key': credential } })],
    ['x-goog-api-key', (credential) => ({ path: '', headers: { 'x-goog-api-key': credential } })],
    ['xi-api-key', (credential) => ({ path: '', headers: { 'xi-api-key': credential } })],
    ['?key= outside', (credential) => ({ path: `&key=${encodeURIComponent(credential)}`, headers: {} })],
    ['?key= with bare +', (credential) => ({ path: `&key=${credential}`, headers: {} })],
    ['?key= inside u', (credential) => ({ path: `?key=${encodeURIComponent(credential)}`, headers: {} })],
    [
      'a carrier beside a dummy',
      (credential) => ({ path: '', headers: { authorization: 'Bearer sk-dummy', 'x-api-key': credential } }),
    ],
  ]

  test.each(carriers)('is found in %s and never reaches the provider', async (_name, carry) => {
    running = await runningApp()
    // A token whose base64 holds a +, which a query parser would have made a space of.
    const tokens = ['a', 'ab', 'abc'].map((start) =>
      running.token({ customer_id: 'ada', meter_slug: 'chat', provider_key: `${start}>>>>` }),
    )
    const credential = tokens.find((token) => token.includes('+')) ?? ''
    expect(credential).toContain('+')
    await running.lava.credit({ customer_id: 'ada', amount: '1', entry_id: 'e' })
    const { path, headers } = carry(credential)
    const answer = await post(`/v1/forward?u=${chatUrl}${path}`, headers)
    expect(answer.status, await answer.text()).toBe(200)
    const [call] = running.provider.calls
    expect(JSON.stringify([call?.path, call?.headers])).not.toContain(credential.slice(0, 20))
    expect(call?.headers.authorization).toMatch(/^Bearer a\w*>>>>$/)
    expect(call?.headers['x-api-key']).toBeUndefined()
    const [record] = await running.recordsDone(1)
    expect(record).toMatchObject({ customer_id: 'ada', provider_key_type: 'unmanaged' })
  })

  test('combines as Lava documents: merchant, meter only, customer, billing disabled', async () => {
    running = await runningApp({ behaviour: { inputTokens: 1000, outputTokens: 5 } })
    await running.lava.credit({ customer_id: 'ada', amount: '1', entry_id: 'e' })
    const combinations = [
      { fields: {}, record: { customer_id: null, meter_id: null, charge: null } },
      {
        fields: { customer_id: null, meter_slug: null, provider_key: 'k' },
        record: { customer_id: null, provider_key_type: 'unmanaged', charge: null },
      },
      { fields: { meter_slug: 'chat' }, record: { customer_id: null, meter_id: 'chat', charge: null } },
      {
        fields: { customer_id: 'ada', meter_slug: 'chat' },
        record: { customer_id: 'ada', charge: { amount: '0.0030600000' } },
      },
      {
        fields: { customer_id: 'ada', meter_slug: 'chat', disable_billing: true },
        record: { customer_id: 'ada', charge: null },
      },
      { fields: { disable_billing: true }, record: { customer_id: null, charge: null } },
    ]
    for (const [index, { fields, record }] of combinations.entries()) {
      const answer = await running.call({ credential: running.token(fields) })
      expect(answer.status).toBe(200)
      await answer.text()
      expect((await running.recordsDone(index + 1))[index]).toMatchObject({ ...record, cost: '0.0025500000' })
    }
    expect(await running.lava.canAfford({ customer_id: 'ada', amount: '0' })).toMatchObject({
      available: '0.9969400000',
    })
  })

  test('is not needed where the host says who pays, and a foreign page is refused then', async () => {
    running = await runningApp({ lava: { customer: (req) => req.get('x-session-user'), meter: 'chat' } })
    await running.lava.credit({ customer_id: 'ada', amount: '1', entry_id: 'e' })
    const call = (headers: Record<string, string>) =>
      post(`/v1/forward?u=${chatUrl}`, { 'x-session-user': 'ada', ...headers })
    expect((await call({})).status).toBe(200)
    expect((await call({ 'sec-fetch-site': 'same-origin' })).status).toBe(200)
    expect((await call({ origin: running.base })).status).toBe(200)
    expect((await call({ 'sec-fetch-site': 'cross-site' })).status).toBe(403)
    expect((await call({ origin: 'https://evil.example' })).status).toBe(403)
    expect((await call({ origin: 'null' })).status).toBe(403)
    expect((await post(`/v1/forward?u=${chatUrl}`, {})).status).toBe(401)
    expect(running.provider.callCount).toBe(3)
  })
})

describe('headers', () => {
  test('of the caller pass, without credentials, cookies, forwarding and hop-by-hop ones', async () => {
    running = await runningApp()
    const secret = {
      cookie: 'session=1',
      'x-forwarded-for': '10.0.0.1',
      forwarded: 'for=10.0.0.1',
      via: '1.1 a',
      'x-real-ip': '10.0.0.1',
      origin: 'https://app.example',
      referer: 'https://app.example/chat',
      'x-lava-metadata': '{"feature":"chat"}',
      'x-lava-metadata-team': 'red',
      'proxy-authorization': 'Basic x',
      te: 'trailers',
      'x-api-key': 'sk-other',
      'api-key': 'sk-azure',
    }
    const answer = await post(`/v1/forward?u=${chatUrl}`, {
      ...merchant,
      ...secret,
      'anthropic-version': '2023-06-01',
      'x-custom': 'kept',
    })
    await answer.text()
    const headers = running.provider.calls[0]?.headers ?? {}
    for (const name of Object.keys(secret)) expect(headers, name).not.toHaveProperty(name)
    expect(headers).toMatchObject({
      authorization: 'Bearer merchant-key',
      'anthropic-version': '2023-06-01',
      'x-custom': 'kept',
      host: new URL(running.provider.url).host,
    })
    const [record] = await running.recordsDone(1)
    expect(record?.metadata).toEqual({ feature: 'chat', team: 'red' })
  })

  test('of the provider pass, without cookies and those of its own origin', async () => {
    running = await runningApp({
      before: (app) => app.use(stampHost),
    })
    running.provider.next({
      raw: {
        status: 200,
        headers: {
          'content-type': 'application/json',
          'openai-processing-ms': '12',
          'set-cookie': '__cf_bm=1',
          'strict-transport-security': 'max-age=1',
          'alt-svc': 'h3=":443"',
          'access-control-allow-origin': '*',
          'x-lava-request-id': 'forged',
        },
        chunks: [Buffer.from('{}')],
      },
    })
    const answer = await running.call({ credential: secretKey })
    expect(await answer.text()).toBe('{}')
    expect(answer.headers.get('openai-processing-ms')).toBe('12')
    expect(answer.headers.get('x-host')).toBe('yes')
    expect(answer.headers.get('x-lava-request-id')).toMatch(/^req_live_/)
    for (const name of ['set-cookie', 'strict-transport-security', 'alt-svc', 'access-control-allow-origin'])
      expect(answer.headers.get(name), name).toBeNull()
  })
})

describe('bodies', () => {
  test('arrive byte for byte, JSON or not, small or large, with a length or in chunks', async () => {
    running = await runningApp({ lava: { inspectBytesMax: 1000 } })
    const large = Buffer.from(
      JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: 'x'.repeat(300_000) }] }),
    )
    const binary = Buffer.from(Array.from({ length: 100_000 }, (_, index) => index % 256))
    const sent: [Buffer, string, boolean][] = [
      [Buffer.from('{ "model" : "gpt-4o",\n"messages":[] , "seed": 12345678901234567890 }'), 'application/json', false],
      [Buffer.from('{"model":"gpt-4o","messages":[]}'), 'text/plain;charset=UTF-8', false],
      [large, 'application/json', false],
      [large, 'application/json', true],
      [binary, 'application/octet-stream', false],
      [binary, 'multipart/form-data; boundary=x', true],
    ]
    for (const [bytes, type, chunked] of sent) {
      const req = request(`${running.base}/v1/forward?u=${chatUrl}`, {
        method: 'POST',
        headers: { ...merchant, 'content-type': type, ...(chunked ? {} : { 'content-length': bytes.length }) },
      })
      if (chunked) for (let at = 0; at < bytes.length; at += 10_000) req.write(bytes.subarray(at, at + 10_000))
      req.end(chunked ? undefined : bytes)
      const [answer] = (await once(req, 'response')) as [IncomingMessage]
      answer.resume()
      await once(answer, 'end')
      expect(running.provider.calls.at(-1)?.body.equals(bytes), `${type}, chunked ${chunked}`).toBe(true)
    }
  })

  // http-proxy-middleware#40, #320, #417: POST hangs behind a body parser.
  test('get through behind express.json(), express.raw() and express.text()', async () => {
    for (const parser of [express.json(), express.raw({ type: '*/*' }), express.text({ type: '*/*' })]) {
      running = await runningApp({ before: (app) => app.use(parser) })
      const answer = await post(`/v1/forward?u=${chatUrl}`, merchant)
      expect(answer.status).toBe(200)
      await answer.text()
      expect(running.provider.calls[0]?.body.toString()).toBe(body)
      await running.close()
    }
    running = await runningApp()
  })
})

describe('answers', () => {
  test('stream out as they come in: the first event is there before the provider goes on', async () => {
    running = await runningApp({ behaviour: { events: 3, eventDelayMs: 600_000 } })
    const answer = await running.call({ credential: secretKey, body: { stream: true } })
    const reader = answer.body?.getReader()
    const first = await reader?.read()
    expect(Buffer.from(first?.value ?? []).toString()).toMatch(/^data: /)
    expect(answer.headers.get('cache-control')).toContain('no-transform')
    await reader?.cancel()
  })

  test('keep their packing, and their usage is read all the same', async () => {
    for (const encoding of ['gzip', 'br', 'deflate', 'zstd'] as const) {
      running = await runningApp({ behaviour: { encoding, inputTokens: 70, outputTokens: 7 } })
      for (const stream of [false, true]) {
        const req = request(`${running.base}/v1/forward?u=${chatUrl}`, {
          method: 'POST',
          headers: { ...merchant, ...json, 'accept-encoding': encoding },
        })
        req.end(JSON.stringify({ model: 'gpt-4o', messages: [], stream, stream_options: { include_usage: true } }))
        const [answer] = (await once(req, 'response')) as [IncomingMessage]
        const chunks: Buffer[] = []
        for await (const chunk of answer) chunks.push(chunk as Buffer)
        expect(answer.headers['content-encoding']).toBe(encoding)
        expect(unpack(encoding, Buffer.concat(chunks)).toString()).toContain('prompt_tokens')
      }
      const records = await running.recordsDone(2)
      for (const record of records)
        expect(record).toMatchObject({ usage_source: 'provider', model_usage: { input_tokens: 70, output_tokens: 7 } })
      await running.close()
    }
    running = await runningApp()
  })

  test('that are errors pass unchanged and charge nothing', async () => {
    running = await runningApp()
    await running.lava.credit({ customer_id: 'ada', amount: '1', entry_id: 'e' })
    for (const [index, status] of [400, 404, 429, 500, 503].entries()) {
      running.provider.next({ status })
      const answer = await running.call()
      expect(answer.status).toBe(status)
      expect(await answer.text()).toContain('"error"')
      const records = await running.recordsDone(index + 1)
      expect(records[index]).toMatchObject({ status: 'completed', provider_status: status, cost: '0.0000000000' })
    }
    expect(await running.lava.canAfford({ customer_id: 'ada', amount: '1' })).toMatchObject({
      available: '1.0000000000',
    })
  })

  // freebuff#1285: the provider's own 402 text was shown to a user who has no account there.
  test.each([401, 402, 403])('of %s to the merchant’s own key become 502 and are logged', async (status) => {
    running = await runningApp()
    running.provider.next({ status })
    const answer = await running.call({ credential: secretKey })
    expect(answer.status).toBe(502)
    expect(await answer.json()).toMatchObject({ error: { code: 'provider_unavailable' } })
    expect(running.log.filter(({ level }) => level === 'error')).toHaveLength(1)
    running.provider.next({ status })
    const own = await running.call({ credential: running.token({ provider_key: 'callers-own' }) })
    expect(own.status).toBe(status)
  })

  test('that never come are 502 where the provider is away, 504 where it is silent; nothing is charged', async () => {
    running = await runningApp({ lava: { providerTimeoutMs: 50, prices: {} } })
    running.provider.next({ hang: true })
    const silent = await running.call({ credential: secretKey })
    expect(silent.status).toBe(504)
    await running.provider.close()
    const away = await running.call({ credential: secretKey })
    expect(away.status).toBe(502)
    const records = await running.recordsDone(2)
    expect(records.map((record) => record.cost)).toEqual(['0.0000000000', '0.0000000000'])
  })

  test('that are cut off cut the caller too, and what was delivered is charged as an estimate', async () => {
    running = await runningApp({ behaviour: { events: 20, outputTokens: 200, cutAfterEvents: 10 } })
    await running.lava.credit({ customer_id: 'ada', amount: '1', entry_id: 'e' })
    const answer = await running.call({
      body: { stream: true, stream_options: { include_usage: true }, max_tokens: 200 },
    })
    await expect(answer.text()).rejects.toThrow()
    const [record] = await running.recordsDone(1)
    expect(record).toMatchObject({ status: 'completed', usage_source: 'estimated' })
    expect(record?.model_usage.output_tokens).toBeGreaterThan(0)
    expect(parseMoney(record?.charge?.amount ?? '0')).toBeGreaterThan(0n)
  })
})

describe('a caller who leaves', () => {
  // litellm#14457, litellm PR#33736: a caller that disconnects mid-stream paid nothing.
  test('is charged what the provider counted: the answer is drained', async () => {
    running = await runningApp({ behaviour: { inputTokens: 40, outputTokens: 60, events: 5 } })
    await running.lava.credit({ customer_id: 'ada', amount: '1', entry_id: 'e' })
    const gate = running.provider.gate()
    const leaving = new AbortController()
    const answer = running.call({
      body: { stream: true, stream_options: { include_usage: true } },
      signal: leaving.signal,
    })
    await running.provider.waitForCalls(1)
    leaving.abort()
    await expect(answer).rejects.toThrow()
    gate.release()
    const [record] = await running.recordsDone(1)
    expect(record).toMatchObject({ usage_source: 'provider', model_usage: { input_tokens: 40, output_tokens: 60 } })
  })

  test('is charged an estimate where the call is cancelled, and the provider is told to stop', async () => {
    running = await runningApp({ behaviour: { events: 5, eventDelayMs: 600_000 }, lava: { onClientAbort: 'cancel' } })
    const leaving = new AbortController()
    const answer = await running.call({ credential: secretKey, body: { stream: true }, signal: leaving.signal })
    await answer.body?.getReader().read()
    leaving.abort()
    const [call] = running.provider.calls
    if (!call) throw new Error('the provider was not called')
    await running.provider.waitForEnd(call)
    expect(call.status).toBe('aborted')
    const [record] = await running.recordsDone(1)
    expect(record?.usage_source).toBe('estimated')
  })
})

// litellm#17814: reading a stored response billed again each time.
test('a background response that is fetched many times is charged once', async () => {
  running = await runningApp()
  await running.lava.credit({ customer_id: 'ada', amount: '1', entry_id: 'e' })
  const body = { id: 'resp_1', object: 'response', background: true, status: 'completed', model: 'gpt-4o', output: [] }
  const usage = { input_tokens: 1000, output_tokens: 100, total_tokens: 1100 }
  const chunks = [Buffer.from(JSON.stringify({ ...body, usage }))]
  const fetched = []
  for (let time = 0; time < 3; time++) {
    running.provider.next({ raw: { status: 200, headers: { 'content-type': 'application/json' }, chunks } })
    const credential = running.token({ customer_id: 'ada', meter_slug: 'chat' })
    const search = '?u=https://api.openai.com/v1/responses/resp_1'
    const answer = await fetch(`${running.base}/v1/forward${search}`, {
      headers: { authorization: `Bearer ${credential}` },
    })
    await answer.text()
    fetched.push((await running.recordsDone(time + 1))[time]?.charge?.amount)
  }
  expect(fetched).toEqual(['0.0042000000', '0.0000000000', '0.0000000000'])
  expect(running.records[2]?.note).toContain(running.records[0]?.request_id)
})

test('an Idempotency-Key charges once', async () => {
  running = await runningApp({ behaviour: { inputTokens: 100, outputTokens: 10 } })
  await running.lava.credit({ customer_id: 'ada', amount: '1', entry_id: 'e' })
  const headers = { 'idempotency-key': 'retry-1' }
  running.provider.next({ status: 500 })
  expect((await running.call({ headers })).status).toBe(500)
  await running.recordsDone(1)
  expect((await running.call({ headers })).status).toBe(200)
  await running.recordsDone(2)
  const third = await running.call({ headers })
  expect(third.status).toBe(409)
  expect(await third.json()).toMatchObject({ error: { code: 'request_id_reused' } })
  expect((await running.call({ headers, body: { max_tokens: 7 } })).status).toBe(409)
  expect((await running.call({ headers, credential: secretKey })).status).toBe(200)
  expect(running.provider.callCount).toBe(3)
})

const stampHost: express.RequestHandler = (_req, res, next) => {
  res.setHeader('x-host', 'yes')
  next()
}

function unpack(encoding: 'gzip' | 'br' | 'deflate' | 'zstd', bytes: Buffer): Buffer {
  if (encoding === 'gzip') return zlib.gunzipSync(bytes)
  if (encoding === 'br') return zlib.brotliDecompressSync(bytes)
  return encoding === 'deflate' ? zlib.inflateSync(bytes) : zlib.zstdDecompressSync(bytes)
}
