// The mock provider: the shapes of three providers, and every fault that a test may want.
import { afterEach, describe, expect, test } from 'vitest'
import { mockProvider, type Behaviour, type MockProvider } from '../../src/testing/mock-provider.ts'

let provider: MockProvider
afterEach(() => provider.close())

const start = async (behaviour: Behaviour = {}) => (provider = await mockProvider({ behaviour }))
const post = (path: string, body: object = {}, headers: Record<string, string> = {}) =>
  fetch(`${provider.url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
const dataOf = (text: string) =>
  text.split(/\r?\n/).flatMap((line) => (line.startsWith('data: ') ? [line.slice(6)] : []))

const used = { inputTokens: 40, outputTokens: 12, cachedTokens: 8, reasoningTokens: 5, events: 4 } as const

describe('an answer', () => {
  test.each([
    [
      '/v1/chat/completions',
      {
        usage: {
          prompt_tokens: 40,
          completion_tokens: 12,
          total_tokens: 52,
          prompt_tokens_details: { cached_tokens: 8 },
        },
      },
    ],
    [
      '/any/base/v1/responses',
      {
        status: 'completed',
        usage: { input_tokens: 40, output_tokens: 12, output_tokens_details: { reasoning_tokens: 5 } },
      },
    ],
    ['/v1/messages', { type: 'message', usage: { input_tokens: 32, cache_read_input_tokens: 8, output_tokens: 12 } }],
    [
      '/v1beta/models/gemini-pro:generateContent',
      {
        modelVersion: 'gemini-pro',
        usageMetadata: { promptTokenCount: 40, candidatesTokenCount: 7, thoughtsTokenCount: 5, totalTokenCount: 52 },
      },
    ],
  ])('of %s has its provider’s shape and the chosen counts', async (path, shape) => {
    await start(used)
    const answer = await post(path, { model: 'm' })
    expect(answer.status).toBe(200)
    expect(await answer.json()).toMatchObject(shape)
  })

  test('tells usage on a chat stream only when asked', async () => {
    await start(used)
    const silent = await (await post('/v1/chat/completions', { stream: true })).text()
    expect(silent).not.toContain('usage')
    const told = dataOf(
      await (await post('/v1/chat/completions', { stream: true, stream_options: { include_usage: true } })).text(),
    )
    expect(told.at(-1)).toBe('[DONE]')
    expect(JSON.parse(told.at(-2) ?? '')).toMatchObject({ choices: [], usage: { prompt_tokens: 40 } })
    expect(JSON.parse(told.at(0) ?? '')).toMatchObject({ usage: null })
  })

  test('streams with the events of each provider', async () => {
    await start(used)
    const types = async (path: string) =>
      dataOf(await (await post(path, { stream: true })).text()).map(
        (data) => (JSON.parse(data) as { type?: string }).type,
      )
    expect(await types('/v1/responses')).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      ...Array<string>(4).fill('response.output_text.delta'),
      'response.output_item.done',
      'response.completed',
    ])
    expect(await types('/v1/messages')).toEqual([
      'message_start',
      'content_block_start',
      'ping',
      ...Array<string>(4).fill('content_block_delta'),
      'content_block_stop',
      'message_delta',
      'message_stop',
    ])
    const stream = '/v1beta/models/g:streamGenerateContent'
    const events = dataOf(await (await post(`${stream}?alt=sse`)).text())
    expect(events).toHaveLength(4)
    expect(JSON.parse(events[3] ?? '')).toMatchObject({ usageMetadata: { candidatesTokenCount: 7 } })
    expect(await (await post(stream)).json()).toHaveLength(4)
  })

  test('is 404 elsewhere', async () => {
    await start()
    expect((await post('/v1/nowhere')).status).toBe(404)
  })
})

describe('a fault', () => {
  test('of status has the provider’s error shape', async () => {
    await start({ status: 429 })
    expect(await (await post('/v1/messages')).json()).toMatchObject({ type: 'error' })
    expect(await (await post('/v1/chat/completions')).json()).toMatchObject({
      error: { type: 'invalid_request_error' },
    })
    expect((await post('/v1beta/models/g:generateContent')).status).toBe(429)
  })

  test('cuts a stream after its events, and a body half way', async () => {
    await start()
    provider.next({ cutAfterEvents: 2, events: 9 })
    const cut = await post('/v1/chat/completions', { stream: true })
    const reader = cut.body?.getReader()
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toContain('data: ')
    await expect(
      (async () => {
        while (!(await reader?.read())?.done);
      })(),
    ).rejects.toThrow()
    provider.next({ cutBody: true })
    await expect(post('/v1/chat/completions').then((answer) => answer.text())).rejects.toThrow()
    const [first] = provider.calls
    if (first) await provider.waitForEnd(first)
    expect(first?.status).toBe('aborted')
  })

  test('leaves the usage out', async () => {
    await start({ omitUsage: true })
    for (const path of ['/v1/chat/completions', '/v1/messages', '/v1beta/models/g:generateContent'])
      expect(await (await post(path)).text()).not.toMatch(/"usage/)
  })

  test.each(['gzip', 'br', 'deflate', 'zstd'] as const)('packs with %s', async (encoding) => {
    await start({ encoding })
    const answer = await post('/v1/chat/completions', { stream: true })
    expect(answer.headers.get('content-encoding')).toBe(encoding)
    expect(await answer.text()).toContain('[DONE]')
  })

  test('is chosen for one call by a header, which is checked', async () => {
    await start()
    expect((await post('/v1/messages', {}, { 'x-mock-behaviour': '{"status":503}' })).status).toBe(503)
    expect((await post('/v1/messages', {}, { 'x-mock-behaviour': '{"stats":503}' })).status).toBe(400)
    expect((await post('/v1/messages')).status).toBe(200)
  })
})

test('a recorded answer is replayed byte for byte', async () => {
  await start()
  const bytes = Buffer.from([0, 255, 10, 13, 128])
  provider.next({
    raw: { status: 206, headers: { 'content-type': 'audio/mpeg' }, chunks: [bytes.subarray(0, 2), bytes.subarray(2)] },
  })
  const answer = await post('/v1/anything')
  expect([answer.status, answer.headers.get('content-type')]).toEqual([206, 'audio/mpeg'])
  expect(Buffer.from(await answer.arrayBuffer()).equals(bytes)).toBe(true)
})

test('a gate holds all answers until it is released, and close ends even those that hang', async () => {
  await start()
  const gate = provider.gate()
  let answered = 0
  const answers = [1, 2, 3].map(() => post('/v1/messages').then((answer) => (answered++, answer.status)))
  await provider.waitForCalls(3)
  expect(answered).toBe(0)
  gate.release()
  expect(await Promise.all(answers)).toEqual([200, 200, 200])
  provider.next({ hang: true })
  const hanging = post('/v1/messages')
  await provider.waitForCalls(4)
  await provider.close()
  await expect(hanging).rejects.toThrow()
  expect(provider.callCount).toBe(4)
})
