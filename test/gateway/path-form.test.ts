// The path form of a target: /v1/providers/{provider}/{the provider's own path}, checked as `u` is.
import { request } from 'node:http'
import fc from 'fast-check'
import { afterEach, expect, test } from 'vitest'
import { configureProviders } from '../../src/gateway/configured-provider.ts'
import { GatewayError } from '../../src/errors.ts'
import { addressOfPath, findTarget } from '../../src/gateway/target.ts'
import { runningApp, type RunningApp } from '../support/running-app.ts'

let running: RunningApp
afterEach(() => running.close())

const body = JSON.stringify({ model: 'gpt-4o', messages: [] })

function post(path: string): Promise<Response> {
  const authorization = `Bearer ${running.token({})}`
  const headers = { authorization, 'content-type': 'application/json' }
  return fetch(`${running.base}${path}`, { method: 'POST', headers, body })
}

test('reaches the provider at its own path, whether the client writes the version or not', async () => {
  running = await runningApp()
  for (const path of ['/chat/completions', '/v1/chat/completions', '/chat/completions/'])
    expect((await post(`/v1/providers/openai${path}`)).status, path).toBe(200)
  expect(new Set(running.provider.calls.map((call) => call.path))).toEqual(new Set(['/v1/chat/completions']))
})

test('takes a base address that ends in a slash', async () => {
  running = await runningApp()
  for (const path of ['//chat/completions', '//v1/chat/completions'])
    expect((await post(`/v1/providers/openai${path}`)).status, path).toBe(200)
  expect(new Set(running.provider.calls.map((call) => call.path))).toEqual(new Set(['/v1/chat/completions']))
})

test('reaches Google’s uploads, which stand beside its base path', async () => {
  running = await runningApp()
  const google = 'https://generativelanguage.googleapis.com'
  for (const path of [
    '/v1/providers/google/upload/v1beta/files',
    `/v1/forward?u=${encodeURIComponent(`${google}/upload/v1beta/files`)}`,
  ])
    expect((await post(path)).status, path).toBe(404)
  expect(running.provider.calls.map((call) => call.path)).toEqual(['/upload/v1beta/files', '/upload/v1beta/files'])
  expect((await running.recordsDone(2))[0]).toMatchObject({ endpoint: `POST ${google}/upload/v1beta/files` })
})

test('leaves an encoded slash within a name alone', async () => {
  running = await runningApp()
  await post('/v1/providers/google/models/a%2Fb:generateContent')
  expect(running.provider.calls[0]?.path).toBe('/v1beta/models/a%2Fb:generateContent')
})

test('gives the whole query to the provider, but neither the credential nor the metadata', async () => {
  running = await runningApp()
  const key = encodeURIComponent(running.token({}))
  const path = `/v1/providers/openai/chat/completions?a=1&u=x%26y&metadata=%7B%22run%22%3A%227%22%7D&key=${key}`
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(`${running.base}${path}`, { method: 'POST', headers, body })
  expect(answer.status).toBe(200)
  expect(running.provider.calls[0]?.path).toBe('/v1/chat/completions?a=1&u=x%26y')
  expect((await running.recordsDone(1))[0]?.metadata).toEqual({ run: '7' })
})

test('says which provider was meant, and calls nobody', async () => {
  running = await runningApp()
  const answer = await post('/v1/providers/opnai/chat/completions')
  expect(answer.status).toBe(400)
  expect(await answer.json()).toMatchObject({
    error: { code: 'target_not_allowed', message: expect.stringContaining('did you mean openai?') as string },
  })
  expect(running.provider.callCount).toBe(0)
})

test('of two providers on one host, calls the one that the path names', async () => {
  running = await runningApp({
    providers: (mock) => ({
      first: { baseUrl: `${mock}/v1`, like: 'openai', apiKey: 'key-one', allowPrivate: true },
      second: { baseUrl: `${mock}/v1`, like: 'openai', apiKey: 'key-two', allowPrivate: true },
    }),
  })
  await post('/v1/providers/second/chat/completions')
  expect(running.provider.calls[0]?.headers.authorization).toBe('Bearer key-two')
})

test('climbs out of no base path', async () => {
  running = await runningApp()
  // As raw bytes: a URL parser would resolve the dots before they are sent.
  for (const path of [
    '/v1/providers/openai/../admin',
    '/v1/providers/openai/%2e%2e/admin',
    '/v1/providers/openai/v1/../../admin',
    '/v1/providers/openai/v1/files/..%2fchat/completions',
    '/v1/providers/openai/v1/files/%2E%2E%2Fchat/completions',
    '/v1/providers/openai/v1/files/..;/chat/completions',
    '/v1/providers/openai/v1/..%5c..%5cadmin',
  ]) {
    const status = await new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${running.token({})}` }
      request(running.base, { path, headers }, (res) => resolve(res.resume().statusCode))
        .on('error', reject)
        .end()
    })
    expect(status, path).toBe(400)
  }
  expect(running.provider.callCount).toBe(0)
})

test('no path leads to another origin than the provider’s', async () => {
  running = await runningApp()
  const providers = configureProviders({}, {})
  const piece = fc.oneof(
    fc.string(),
    fc.constantFrom('..', '//', '\\', '@', ':', '%2f', '?', '#', 'evil.example', 'v1'),
  )
  /** Null: it is refused. */
  const targetOf = (path: string) => {
    try {
      return findTarget(addressOfPath('openai', path, providers), providers, 'openai')
    } catch (error) {
      if (error instanceof GatewayError && error.code === 'target_not_allowed') return null
      throw error
    }
  }
  let allowed = 0
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      const target = targetOf(`/${pieces.join('/')}`)
      if (!target) return true
      allowed++
      return target.provider.key === 'openai' && target.url.origin === 'https://api.openai.com'
    }),
    { numRuns: 2000 },
  )
  expect(allowed).toBeGreaterThan(500)
})
