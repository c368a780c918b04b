// Bad input: a clear 4xx in the error shape of the design, nothing charged, nothing called.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { runningApp, secretKey, type RunningApp } from '../support/running-app.ts'

let running: RunningApp
beforeEach(async () => {
  running = await runningApp()
  await running.lava.credit({ customer_id: 'ada', amount: '5', entry_id: 'e1' })
})
afterEach(() => running.close())

const errorShape = z.object({
  error: z.object({ code: z.string(), message: z.string().min(10), status: z.number() }).loose(),
})

async function expectRefused(answer: Response, status: number, code: string): Promise<string> {
  const text = await answer.text()
  expect(answer.status, text).toBe(status)
  const { error } = errorShape.parse(JSON.parse(text))
  expect(error).toMatchObject({ code, status })
  expect(text).not.toContain(secretKey)
  expect(running.provider.callCount).toBe(0)
  expect(await running.lava.canAfford({ customer_id: 'ada', amount: '5' })).toMatchObject({
    affordable: true,
    available: '5.0000000000',
  })
  return error.message
}

describe('a forwarded call', () => {
  const forward = (search: string, headers: Record<string, string> = {}) =>
    fetch(`${running.base}/v1/forward${search}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: '{"model":"gpt-4o"}',
    })
  const target = '?u=https://api.openai.com/v1/chat/completions'
  const bearer = (credential: string) => ({ authorization: `Bearer ${credential}` })

  test('without a credential is 401', async () => {
    expect(await expectRefused(await forward(target), 401, 'unauthorized')).toContain('No credential')
  })

  test.each([
    ['text that is no credential', 'hello'],
    ['a token that is not JSON', Buffer.from('{"secret_key":').toString('base64')],
    ['a token without a secret key', Buffer.from('{"customer_id":"ada","meter_slug":"chat"}').toString('base64')],
    ['a token of another merchant', Buffer.from('{"secret_key":"aks_test_another_merchant_1"}').toString('base64')],
    ['an unknown secret key', 'aks_live_unknown_unknown_unknown'],
  ])('with %s is 401', async (_what, credential) => {
    await expectRefused(await forward(target, bearer(credential)), 401, 'unauthorized')
  })

  test('of a customer without a meter is 400', async () => {
    const token = Buffer.from(JSON.stringify({ secret_key: secretKey, customer_id: 'ada' })).toString('base64')
    await expectRefused(await forward(target, bearer(token)), 400, 'invalid_request')
  })

  test('by an unknown meter is 400 and names the known ones', async () => {
    const token = running.token({ customer_id: 'ada', meter_slug: 'chatt' })
    expect(await expectRefused(await forward(target, bearer(token)), 400, 'invalid_request')).toContain('chat')
  })

  test.each([
    ['no target', '', 'invalid_request'],
    ['an empty target', '?u=', 'invalid_request'],
    ['a target that is no URL', '?u=api.openai.com/v1/chat/completions', 'invalid_request'],
    ['a host that is no provider', '?u=https://evil.example/v1/chat/completions', 'target_not_allowed'],
    ['a host that only begins like a provider', '?u=https://api.openai.com.evil.example/v1', 'target_not_allowed'],
    ['plain http', '?u=http://api.openai.com/v1/chat/completions', 'target_not_allowed'],
    ['another port', '?u=https://api.openai.com:8443/v1/chat/completions', 'target_not_allowed'],
    ['a user name in the URL', '?u=https://key@api.openai.com/v1/chat/completions', 'target_not_allowed'],
    ['the loopback address', '?u=http://127.0.0.1/admin', 'target_not_allowed'],
    ['the loopback address in disguise', '?u=http://2130706433/admin', 'target_not_allowed'],
    ['a link-local address', '?u=http://169.254.169.254/latest/meta-data', 'target_not_allowed'],
    ['a private IPv6 address', '?u=http://[::1]/', 'target_not_allowed'],
    ['localhost', '?u=https://localhost/v1', 'target_not_allowed'],
    ['a file', '?u=file:///etc/passwd', 'target_not_allowed'],
    ['a path outside a replaced base', '?u=https://api.openai.com/admin', 'target_not_allowed'],
    ['a path that climbs out of it', '?u=https://api.openai.com/v1/../admin', 'target_not_allowed'],
    ['a path that climbs out of it, encoded', '?u=https://api.openai.com/v1/%2e%2e/admin', 'target_not_allowed'],
  ])('to %s is 400', async (_what, search, code) => {
    await expectRefused(await forward(search, bearer(secretKey)), 400, code)
  })

  test.each([
    ['that is not JSON', 'feature=chat'],
    ['with a bad key', '{"a-b":"c"}'],
    ['with a value that is no string', '{"a":1}'],
    ['with too many pairs', JSON.stringify(Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`k${i}`, 'v'])))],
  ])('with metadata %s is 400', async (_what, metadata) => {
    await expectRefused(
      await forward(target, { ...bearer(secretKey), 'x-lava-metadata': metadata }),
      400,
      'invalid_request',
    )
  })

  test('of a model without a price, by a percentage meter, is 422', async () => {
    const answer = await running.call({ body: { model: 'no-such-model-9000' } })
    expect(await expectRefused(answer, 422, 'price_unknown')).toContain('no-such-model-9000')
  })

  test('to an endpoint whose usage can’t be read, by a meter of tokens, is 422', async () => {
    const answer = await running.call({ target: 'https://api.openai.com/v1/unheard/of' })
    await expectRefused(answer, 422, 'price_unknown')
  })
})

describe('a report', () => {
  const report = (body: unknown, headers: Record<string, string> = { authorization: `Bearer ${secretKey}` }) =>
    fetch(`${running.base}/v1/requests`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })
  const good = { request_id: 'job-1', customer_id: 'ada', meter_slug: 'chat', input_tokens: 10, cost: '0' }

  test.each([
    ['broken JSON', '{"request_id":'],
    ['no JSON at all', 'hello'],
    ['a list', '[]'],
    ['no request_id', { ...good, request_id: undefined }],
    ['a negative count', { ...good, input_tokens: -1 }],
    ['half a token', { ...good, input_tokens: 1.5 }],
    ['a count that is text', { ...good, input_tokens: '10' }],
    ['negative seconds', { ...good, input_seconds: -0.5 }],
    ['an unknown field', { ...good, input_token: 10 }],
    ['a customer id that would reach another route', { ...good, customer_id: '../secret_keys' }],
    ['a negative cost', { ...good, cost: '-1' }],
    ['bad metadata', { ...good, metadata: { 'a b': 'c' } }],
    ['an unknown meter', { ...good, meter_slug: 'nope' }],
  ])('with %s is 400', async (_what, body) => {
    await expectRefused(await report(body), 400, 'invalid_request')
  })

  test('on a percentage meter without any cost is 422', async () => {
    await expectRefused(await report({ ...good, cost: undefined }), 422, 'price_unknown')
  })

  test('without a key is 401, with a forward token 403', async () => {
    await expectRefused(await report(good, {}), 401, 'unauthorized')
    await expectRefused(await report(good, { 'x-api-key': secretKey }), 401, 'unauthorized')
    const token = running.token({ customer_id: 'ada', meter_slug: 'chat' })
    await expectRefused(await report(good, { authorization: `Bearer ${token}` }), 403, 'forbidden')
  })

  test('with the same id and other content is 409, and charged once', async () => {
    const first = await report({ ...good, cost: '1' })
    expect(first.status).toBe(201)
    const again = await report({ ...good, cost: '2' })
    expect(again.status).toBe(409)
    expect(errorShape.parse(await again.json()).error).toMatchObject({ code: 'request_id_reused', request_id: 'job-1' })
    expect(await running.lava.canAfford({ customer_id: 'ada', amount: '0' })).toMatchObject({
      available: '3.8000000000',
    })
  })

  test('that is larger than 1 MiB is 413', async () => {
    await expectRefused(await report({ ...good, metadata: { a: 'x'.repeat(1_100_000) } }), 413, 'body_too_large')
  })
})

test('a record that is not there is 404, and lists refuse what they do not know', async () => {
  const get = (path: string) => fetch(`${running.base}${path}`, { headers: { authorization: `Bearer ${secretKey}` } })
  await expectRefused(await get('/v1/requests/req_nope'), 404, 'not_found')
  await expectRefused(await get('/v1/requests?limit=0'), 400, 'invalid_request')
  await expectRefused(await get('/v1/requests?metadata_filters=x'), 400, 'invalid_request')
  await expectRefused(await get('/v1/requests?page=2'), 400, 'invalid_request')
})
