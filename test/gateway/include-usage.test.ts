// Asking for usage: a stream's exact usage is known though the caller never asked, and the caller sees nothing of it.
import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import zlib from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { catalog } from '../../src/providers/catalog.ts'
import type { ProviderOptions } from '../../src/gateway/configured-provider.ts'
import { mockProvider, type Behaviour, type MockProvider } from '../../src/testing/mock-provider.ts'
import { chatUrl, runningApp, secretKey, type RunningApp } from '../support/running-app.ts'

let running: RunningApp
afterEach(() => running.close())

const asked = { stream_options: { include_usage: true } }
const prompt = { model: 'gpt-4o', stream: true, messages: [{ role: 'user', content: 'Hi – ünïcode' }] }
const used: Behaviour = { inputTokens: 1000, outputTokens: 7 }

/** A call with exactly these bytes as its body. */
async function call(
  text: string,
  { target = chatUrl, headers = {} } = {},
): Promise<{ bytes: Buffer; answer: IncomingMessage }> {
  const req = request(`${running.base}/v1/forward?u=${encodeURIComponent(target)}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${secretKey}`, 'content-type': 'application/json', ...headers },
  })
  req.end(text)
  const [answer] = (await once(req, 'response')) as [IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of answer) chunks.push(chunk as Buffer)
  return { bytes: Buffer.concat(chunks), answer }
}

async function direct(body: object): Promise<string> {
  const answer = await fetch(`${running.provider.url}/v1/chat/completions`, {
    method: 'POST',
    body: JSON.stringify(body),
  })
  return answer.text()
}

/** The ids of the mock provider's answers count its calls. */
const withoutIds = (stream: string) => stream.replaceAll(/chatcmpl-mock\d+/g, 'chatcmpl-mock')
const withoutUsageEvent = (stream: string) => stream.replace(/data: [^\n]*"choices":\[\][^\n]*\n\n/, '')
const bodyOf = (index: number) => running.provider.calls[index]?.body.toString()

describe('a caller who did not ask', () => {
  test('sees the bytes that the provider sent, the usage event apart, and is charged the exact usage', async () => {
    running = await runningApp({ behaviour: used })
    await running.lava.credit({ customer_id: 'ada', amount: '1', entry_id: 'e' })
    const answer = await running.call({ body: prompt })
    const seen = await answer.text()
    const whole = await direct({ ...prompt, ...asked })
    expect(whole).toContain('"prompt_tokens":1000')
    expect(withoutIds(seen)).toBe(withoutIds(withoutUsageEvent(whole)))
    expect(seen).not.toContain('prompt_tokens')
    expect(seen).toMatch(/data: \[DONE\]\n\n$/)
    const [record] = await running.recordsDone(1)
    expect(record).toMatchObject({
      usage_source: 'provider',
      model_usage: { input_tokens: 1000, output_tokens: 7 },
      charge: { amount: '0.0030840000' },
    })
  })

  test('has its own bytes sent, with nothing but the question put in', async () => {
    running = await runningApp({ behaviour: used })
    const rest =
      ' "seed": 12345678901234567890, "stream" : true,\n"model":"gpt-4o","messages":[{"role":"user","content":"\\u00e9 é"}] }\n'
    await call(`{${rest}`)
    expect(bodyOf(0)).toBe(`{"stream_options":{"include_usage":true},${rest}`)
    expect(running.provider.calls[0]?.headers['content-length']).toBe(String(running.provider.calls[0]?.body.length))
    expect(running.provider.calls[0]?.headers['accept-encoding']).toBe('identity')
  })

  test.each(['null', '{}', '{"include_usage":false}', '{"include_usage":null}'])(
    'and said so with %s has the event taken out all the same',
    async (options) => {
      running = await runningApp({ behaviour: used })
      const { bytes } = await call(`{"model":"gpt-4o","stream":true,"stream_options":${options},"messages":[]}`)
      expect(bytes.toString()).toContain('[DONE]')
      expect(bytes.toString()).not.toContain('prompt_tokens')
      expect((await running.recordsDone(1))[0]).toMatchObject({ usage_source: 'provider' })
    },
  )

  test('repeats a call under its Idempotency-Key: the question is not part of the content', async () => {
    running = await runningApp({ behaviour: used })
    running.provider.next({ status: 500 })
    const headers = { 'idempotency-key': 'k' }
    expect((await call(JSON.stringify(prompt), { headers })).answer.statusCode).toBe(500)
    await running.recordsDone(1)
    expect((await call(JSON.stringify(prompt), { headers })).answer.statusCode).toBe(200)
  })

  test('gets a cut stream to its last byte, and the cut', async () => {
    running = await runningApp()
    const chunks = [Buffer.from('data: {"choices":[{"delta":{"content":"a"}}]}\n\ndata: {"choices":[{"del')]
    const headers = { 'content-type': 'text/event-stream', 'content-length': '1000', connection: 'close' }
    running.provider.next({ raw: { status: 200, headers, chunks } })
    const req = request(`${running.base}/v1/forward?u=${chatUrl}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secretKey}`, 'content-type': 'application/json' },
    })
    req.end(JSON.stringify(prompt))
    const [answer] = (await once(req, 'response')) as [IncomingMessage]
    let seen = ''
    answer.on('data', (chunk: Buffer) => (seen += chunk.toString()))
    await expect(once(answer, 'end')).rejects.toThrow()
    expect(seen).toBe(chunks[0]?.toString())
    expect(answer.headers['content-length']).toBeUndefined()
  })
})

describe('the answer to a call that was asked for its usage', () => {
  const answers = async (headers: Record<string, string>, chunks: readonly Buffer[], status = 200) => {
    running.provider.next({ raw: { status, headers, chunks } })
    return call(JSON.stringify(prompt))
  }
  const sse = { 'content-type': 'text/event-stream; charset=utf-8' }
  const usage = '"usage":{"prompt_tokens":1000,"completion_tokens":7,"total_tokens":1007}'

  test('keeps events that only look like the usage event', async () => {
    running = await runningApp()
    const kept = [
      // Azure's first event.
      `data: {"choices":[],"model":"","prompt_filter_results":[{"prompt_index":0}]}\r\n\r\n`,
      `data: {"choices":[],"usage":null}\r\n\r\n`,
      `data: {"choices":[{"index":0,"delta":{"content":"\\"choices\\":[] {}"}}],"usage":null}\r\n\r\n`,
      `: ping\r\n\r\n`,
      // Usage with the finish_reason, as some hosts have it.
      `data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],${usage}}\r\n\r\n`,
      `data: {"choices":[],"error":{"message":"overloaded"},${usage}}\r\n\r\n`,
      `data: [DONE]\r\n\r\n`,
    ].join('')
    const { bytes } = await answers(sse, [Buffer.from(kept)])
    expect(bytes.toString()).toBe(kept)
    expect((await running.recordsDone(1))[0]).toMatchObject({ model_usage: { input_tokens: 1000, output_tokens: 7 } })
  })

  test('loses the usage event however it is cut and written, and its content-length', async () => {
    running = await runningApp()
    const event = `data: { "choices" : [ ],\ndata: ${usage} }\n\n`
    const text = `data: {"choices":[{"delta":{"content":"ü"},"finish_reason":"stop"}]}\n\n${event}data: [DONE]\n\n`
    const bytes = Buffer.from(text)
    const chunks = Array.from(bytes, (_byte, index) => bytes.subarray(index, index + 1))
    const { bytes: seen, answer } = await answers({ ...sse, 'content-length': String(bytes.length) }, chunks)
    expect(seen.toString()).toBe(text.replace(event, ''))
    expect(answer.headers['content-length']).toBeUndefined()
    expect((await running.recordsDone(1))[0]).toMatchObject({
      usage_source: 'provider',
      model_usage: { input_tokens: 1000 },
    })
  })

  test('passes unchanged where it is packed all the same', async () => {
    running = await runningApp()
    const stop = '{"choices":[{"delta":{},"finish_reason":"stop"}]}'
    const packed = zlib.gzipSync(`data: ${stop}\n\ndata: {"choices":[],${usage}}\n\ndata: [DONE]\n\n`)
    const { bytes, answer } = await answers({ ...sse, 'content-encoding': 'gzip' }, [packed])
    expect(bytes).toEqual(packed)
    expect(answer.headers['content-encoding']).toBe('gzip')
    expect((await running.recordsDone(1))[0]).toMatchObject({ usage_source: 'provider' })
  })

  test('passes unchanged where it is an error, or no stream of events', async () => {
    running = await runningApp()
    const text = `data: {"choices":[],${usage}}\n\n`
    expect((await answers(sse, [Buffer.from(text)], 429)).bytes.toString()).toBe(text)
    const json = await answers({ 'content-type': 'application/json', 'content-length': String(text.length) }, [
      Buffer.from(text),
    ])
    expect(json.bytes.toString()).toBe(text)
    expect(json.answer.headers['content-length']).toBe(String(text.length))
  })
})

describe('a body goes out byte for byte', () => {
  test.each([
    ['wants no stream', { model: 'gpt-4o', messages: [] }],
    ['asks itself', { ...prompt, ...asked }],
    ['asks for what the provider will refuse', { ...prompt, stream_options: { include_usage: 'yes' } }],
    ['asks Azure On Your Data', { ...prompt, data_sources: [{ type: 'azure_search' }] }],
  ])('where the caller %s', async (_what, body) => {
    running = await runningApp({ behaviour: used })
    const text = JSON.stringify(body, null, 1)
    await call(text, { headers: { 'accept-encoding': 'gzip' } })
    expect(bodyOf(0)).toBe(text)
    expect(running.provider.calls[0]?.headers['accept-encoding']).toBe('gzip')
  })

  test('where the caller asks itself, and the event is the caller’s', async () => {
    running = await runningApp({ behaviour: used })
    const { bytes } = await call(JSON.stringify({ ...prompt, ...asked }))
    expect(withoutIds(bytes.toString())).toBe(withoutIds(await direct({ ...prompt, ...asked })))
    expect(bytes.toString()).toContain('"choices":[],"usage":{"prompt_tokens":1000')
  })

  const image = { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:' } }] }] }
  test.each([
    ['is not asked in an old api-version', '?api-version=2024-06-01', {}, false],
    ['is not asked with an image in a dated api-version', '?api-version=2025-04-01-preview', image, false],
    ['is asked in a later api-version', '?api-version=2024-10-21', {}, true],
    ['is asked in the v1 API', '?api-version=preview', image, true],
  ])('by Azure’s rules: it %s', async (_what, search, more, isAsked) => {
    running = await runningApp({ behaviour: used })
    await call(JSON.stringify({ ...prompt, ...more }), { target: `${chatUrl}${search}` })
    expect(bodyOf(0)?.includes('include_usage')).toBe(isAsked)
  })

  test('to the providers of the catalogue that tell unasked or refuse the question', () => {
    const keys = (isAsked: boolean) =>
      catalog.filter((entry) => entry.usageOnlyIfAsked === isAsked).map((entry) => entry.key)
    expect(keys(true)).toEqual(
      expect.arrayContaining([
        'openai',
        'azure',
        'xai',
        'together',
        'fireworks',
        'novita',
        'sambanova',
        'nebius',
        'ollama',
      ]),
    )
    expect(keys(false)).toEqual(
      expect.arrayContaining(['mistral', 'cerebras', 'groq', 'deepseek', 'openrouter', 'perplexity', 'huggingface']),
    )
  })

  describe('or with the question, as the provider’s entry says', () => {
    let provider: MockProvider
    afterEach(() => provider.close())

    const isAsked = async (name: string, entry: ProviderOptions) => {
      provider = await mockProvider({ behaviour: used })
      const baseUrl = `${provider.url}/v1`
      running = await runningApp({
        lava: { providers: { [name]: { baseUrl, allowPrivate: true, apiKey: 'k', ...entry } } },
      })
      const text = JSON.stringify(prompt)
      const { bytes } = await call(text, { target: `${baseUrl}/chat/completions` })
      expect(bytes.toString()).toContain('[DONE]')
      const sent = provider.calls[0]?.body.toString()
      if (sent !== text) expect(sent).toBe(`{"stream_options":{"include_usage":true},${text.slice(1)}`)
      const [record] = await running.recordsDone(1)
      expect(record?.usage_source).toBe(sent === text ? 'estimated' : 'provider')
      return sent !== text
    }

    test.each<[string, ProviderOptions, boolean]>([
      ['openai', {}, true],
      ['openai', { includeUsage: false }, false],
      // 422 to the question (openai-agents-python#442).
      ['mistral', {}, false],
      ['mine', { like: 'openai' }, true],
      ['mine', { like: 'openai', includeUsage: false }, false],
      ['mine', { like: 'mistral' }, false],
      ['mine', { like: 'mistral', includeUsage: true }, true],
    ])('%s %j: %s', async (name, entry, expected) => {
      expect(await isAsked(name, entry)).toBe(expected)
    })
  })
})
