import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { addressOf, describeCall, type Call } from '../../src/providers/call.ts'
import type { ProviderFamily } from '../../src/providers/provider.ts'
import { openUsageMeter, type Reading } from '../../src/providers/usage-meter.ts'
import { cutAt, cutEvery } from '../support/cut.ts'

const chat = call('openai', '/v1/chat/completions', {
  model: 'gpt-5',
  stream: true,
  messages: [{ role: 'user', content: 'hi' }],
})
const chatBody = call('openai', '/v1/chat/completions', { model: 'gpt-5', messages: [] })
const responses = call('openai', '/v1/responses', { model: 'gpt-5', stream: true, input: 'hi' })
const messages = call('anthropic', '/v1/messages', { model: 'claude-opus-4-8', stream: true, messages: [] })
const gemini = call('google', '/v1beta/models/gemini-3:streamGenerateContent', { contents: [] })

function call(family: ProviderFamily | null, path: string, body: unknown, method = 'POST'): Call {
  return describeCall({
    address: addressOf(family, method, new URL(path, 'https://api.example')),
    body,
    bodyBytes: 100,
  })
}

interface Answer {
  status?: number
  headers?: Record<string, string>
  complete?: boolean
}

async function read(of: Call, chunks: readonly (string | Uint8Array)[], answer: Answer = {}): Promise<Reading> {
  const meter = openUsageMeter(of, { status: answer.status ?? 200, headers: answer.headers ?? {} })
  for (const chunk of chunks) meter.write(typeof chunk === 'string' ? Buffer.from(chunk) : chunk)
  return meter.end(answer.complete ?? true)
}

const event = (data: object | string) => `data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`
const said = (content: string) => event({ id: 'c1', model: 'gpt-5-2025', choices: [{ index: 0, delta: { content }, finish_reason: null }], usage: null }) // prettier-ignore
const stopped = event({
  id: 'c1',
  model: 'gpt-5-2025',
  choices: [{ index: 0, delta: {}, finish_reason: 'stop' }],
  usage: null,
})
const told = event({ id: 'c1', model: 'gpt-5-2025', choices: [], usage: { prompt_tokens: 9, completion_tokens: 4, total_tokens: 13 } }) // prettier-ignore
const done = event('[DONE]')
const lines = Array.from({ length: 40 }, (_, index) => said(`This is line ${index} of a "long" answer.\n`))
const outputOfLines = 40 * 11

describe('a chat stream', () => {
  test('is billed by the service tier that its first events tell, wherever it stands in them', async () => {
    const tiered = (service_tier: string | null) =>
      event({ choices: [{ index: 0, delta: { content: 'a' } }], model: '', service_tier, id: 'c1' })
    const tiers = [null, 'auto', 'flex', 'flex'].map(tiered)
    const { usage } = await read(chat, [...tiers, stopped, told, done])
    expect(usage.service_tier).toBe('flex')
  })

  test('is billed as the provider told', async () => {
    expect(await read(chat, [...lines, stopped, told, done])).toEqual({
      billable: true,
      reason: null,
      error: false,
      pending: false,
      estimated: false,
      complete: true,
      model: 'gpt-5-2025',
      response_id: 'c1',
      dedupe_id: null,
      usage: { input_tokens: 9, output_tokens: 4 },
      assumed: {},
      unread: false,
    })
  })

  test('neither stops at [DONE] nor needs it', async () => {
    expect((await read(chat, [stopped, done, told])).usage.output_tokens).toBe(4)
    expect((await read(chat, [stopped, told])).usage.output_tokens).toBe(4)
  })

  test('is estimated from what was given when it tells no usage, never zero', async () => {
    const reading = await read(chat, [...lines, stopped, done])
    expect(reading).toMatchObject({ billable: true, estimated: true, reason: 'the provider told no usage' })
    expect(reading.usage.input_tokens).toBe(chat.input_tokens_estimate)
    expect((reading.usage.output_tokens ?? 0) / outputOfLines).toBeCloseTo(1, 0.5)
  })

  test('is estimated when the client left before the usage came', async () => {
    const reading = await read(chat, lines.slice(0, 20), { complete: false })
    expect(reading).toMatchObject({ billable: true, estimated: true, complete: false })
    expect((reading.usage.output_tokens ?? 0) / (outputOfLines / 2)).toBeCloseTo(1, 0.5)
  })

  test('is billed for its input when the client left before anything came', async () => {
    expect(await read(chat, [], { complete: false })).toMatchObject({
      billable: true,
      estimated: true,
      usage: { input_tokens: chat.input_tokens_estimate, output_tokens: 0 },
    })
  })

  test('is exact although the client left, when the usage had come', async () => {
    expect(await read(chat, [stopped, told], { complete: false })).toMatchObject({ estimated: false, complete: false })
  })

  test('takes the last of cumulative counts and never adds them (ogx#5122)', async () => {
    const counted = (completion_tokens: number, finish_reason: string | null) =>
      event({ choices: [{ delta: { content: 'a' }, finish_reason }], usage: { prompt_tokens: 5, completion_tokens } })
    const all = await read(chat, [counted(1, null), counted(2, null), counted(3, 'stop')])
    expect(all).toMatchObject({ estimated: false, usage: { input_tokens: 5, output_tokens: 3 } })
    const cut = await read(chat, [counted(1, null), counted(2, null)], { complete: false })
    expect(cut).toMatchObject({ estimated: true, usage: { input_tokens: 5, output_tokens: 2 } })
  })

  test.each([
    ['', 'content', {}],
    [' with an empty text beside each', 'reasoning_content', { content: '' }],
  ])('estimates a long stream%s that is cut alike, however its events come', async (_what, name, beside) => {
    const words = 'The quick brown fox jumps over the lazy dog, and then it rests for a while in the shade.'.split(
      /(?= )/,
    )
    const chunks = Array.from({ length: 900 }, (_, at) => event({ choices: [{ delta: { ...beside, [name]: words[at % words.length] } }] })) // prettier-ignore
    const one = await read(chat, chunks, { complete: false })
    expect(one).toMatchObject({ estimated: true })
    expect(one.usage.output_tokens).toBeGreaterThan(900 * 0.9)
    for (const size of [100, 10_000, 1_000_000])
      expect(await read(chat, cutEvery(Buffer.from(chunks.join('')), size), { complete: false })).toEqual(one)
  })

  test('bills an error in the middle by what had been given, and one at the start not at all', async () => {
    const failed = event({ error: { message: 'overloaded', type: 'server_error' } })
    expect(await read(chat, [failed])).toMatchObject({ billable: false, error: true, reason: 'overloaded', usage: {} })
    expect(await read(chat, [...lines, failed])).toMatchObject({ billable: true, error: true, estimated: true })
    expect(await read(chat, [...lines, stopped, told, failed])).toMatchObject({ error: true, estimated: false })
  })

  test('is estimated where its usage counts nothing, or only one side', async () => {
    for (const usage of [{}, [], { prompt_tokens: '9', completion_tokens: '4' }, { prompt_tokens: 9 }]) {
      const reading = await read(chat, [...lines, stopped, event({ choices: [], usage })])
      expect(reading).toMatchObject({ billable: true, estimated: true })
      expect(reading.usage.output_tokens).toBeGreaterThan(outputOfLines / 2)
    }
  })

  test('does not lose its counts to zeros that come last', async () => {
    const zeros = event({ choices: [], usage: { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 } })
    expect((await read(chat, [...lines, stopped, told, zeros])).usage).toEqual({ input_tokens: 9, output_tokens: 4 })
  })

  test('adds Gemini’s hidden thoughts to the output, and xAI’s reasoning', async () => {
    const google = call('google', '/v1beta/openai/chat/completions', { model: 'gemini-2.5-pro' })
    const usage = { prompt_tokens: 66, completion_tokens: 6, total_tokens: 100 }
    expect((await read(google, [JSON.stringify({ usage })])).usage).toEqual({ input_tokens: 66, output_tokens: 34 })
    const xai = { ...usage, completion_tokens_details: { reasoning_tokens: 28 } }
    expect((await read(chatBody, [JSON.stringify({ usage: xai })])).usage.output_tokens).toBe(34)
    expect((await read(chatBody, [JSON.stringify({ usage })])).usage.output_tokens).toBe(6)
  })

  test('takes no count that is not a whole number from zero', async () => {
    const usage = '{"usage":{"prompt_tokens":-1,"completion_tokens":1e999,"total_tokens":"7","cost":-3}}'
    expect(await read(chatBody, [usage])).toMatchObject({ estimated: true, usage: { output_tokens: 0 } })
  })
})

describe('a response', () => {
  const started = (background: boolean) =>
    event({ type: 'response.created', response: { id: 'r1', status: 'in_progress', background, model: 'gpt-5', usage: null } }) // prettier-ignore
  const ended = (status: string, usage: object | null) =>
    event({ type: `response.${status}`, response: { id: 'r1', status, background: false, model: 'gpt-5', output: [{ type: 'web_search_call', action: { type: 'search' } }, { type: 'web_search_call', action: { type: 'open_page' } }], usage } }) // prettier-ignore
  const usage = { input_tokens: 7, output_tokens: 3, output_tokens_details: { reasoning_tokens: 2 } }

  test('is billed when it is completed, and when it stopped at its cap', async () => {
    for (const status of ['completed', 'incomplete'])
      expect(await read(responses, [started(false), ended(status, usage)])).toMatchObject({
        billable: true,
        estimated: false,
        dedupe_id: null,
        usage: { input_tokens: 7, output_tokens: 3, reasoning_tokens: 2, web_search_requests: 1 },
      })
  })

  test('names itself where it may be fetched and billed again', async () => {
    const background = event({
      type: 'response.completed',
      response: { id: 'r1', status: 'completed', background: true, usage },
    })
    expect(await read(responses, [started(true), background])).toMatchObject({ billable: true, dedupe_id: 'r1' })
  })

  test('counts the searches of its files', async () => {
    const output = [{ type: 'file_search_call' }, { type: 'message' }, { type: 'file_search_call' }]
    const body = JSON.stringify({ id: 'r1', status: 'completed', output, usage })
    expect((await read(responses, [body])).usage.file_search_requests).toBe(2)
  })

  test('is not billed when it failed without usage', async () => {
    expect(await read(responses, [started(false), ended('failed', null)])).toMatchObject({
      billable: false,
      error: true,
    })
  })

  test('is pending in the background, also when its stream is left', async () => {
    const queued = JSON.stringify({ id: 'r1', status: 'queued', background: true, usage: null })
    expect(await read({ ...responses, streamed: false }, [queued])).toMatchObject({ billable: false, pending: true })
    expect(await read(responses, [started(true)], { complete: false })).toMatchObject({
      billable: false,
      pending: true,
    })
    expect(await read(responses, [started(false)], { complete: false })).toMatchObject({
      billable: true,
      estimated: true,
    })
  })

  test('is not billed again when a foreground response is fetched (litellm#17814)', async () => {
    const stored = (background: boolean) => JSON.stringify({ id: 'r1', status: 'completed', background, usage })
    const fetched = call('openai', '/v1/responses/r1', undefined, 'GET')
    expect(await read(fetched, [stored(false)])).toMatchObject({ billable: false, dedupe_id: null })
    expect(await read(fetched, [stored(true)])).toMatchObject({ billable: true, dedupe_id: 'r1' })
    // Where the field is left out, the answer and what is read again are one job.
    const untold = JSON.stringify({ id: 'r1', status: 'completed', usage })
    expect(await read(fetched, [untold])).toMatchObject({ billable: true, dedupe_id: 'r1' })
    expect(await read(responses, [untold])).toMatchObject({ billable: true, dedupe_id: 'r1' })
  })

  test('may end with an event of many megabytes', async () => {
    const last = `data: ${JSON.stringify({ type: 'response.completed', response: { output: 'x'.repeat(5_000_000), usage } })}\n\n` // prettier-ignore
    const reading = await read(responses, cutEvery(Buffer.from(started(false) + last), 16_384))
    expect(reading).toMatchObject({ estimated: false, usage: { input_tokens: 7, output_tokens: 3 } })
  })

  test('is estimated from its deltas alone when it is cut, though other events repeat them', async () => {
    const texts = Array.from({ length: 40 }, (_, index) => `This is line ${index} of a "long" answer.\n`)
    const deltas = texts.map((delta, sequence_number) => event({ type: 'response.output_text.delta', sequence_number, item_id: 'm1', delta, logprobs: [] })) // prettier-ignore
    const text = texts.join('')
    const done = [
      event({ type: 'response.output_text.done', item_id: 'm1', text }),
      event({ type: 'response.content_part.done', item_id: 'm1', part: { type: 'output_text', text } }),
      event({ type: 'response.output_item.done', item: { id: 'm1', content: [{ type: 'output_text', text }] } }),
    ]
    const chunks = [started(false), ...deltas, ...done]
    const reading = await read(responses, chunks, { complete: false })
    expect((reading.usage.output_tokens ?? 0) / outputOfLines).toBeCloseTo(1, 0.5)
    expect(await read(responses, [chunks.join('')], { complete: false })).toEqual(reading)
    expect(await read(responses, cutEvery(Buffer.from(chunks.join('')), 7), { complete: false })).toEqual(reading)
  })

  test('is an error when its first event is not JSON, which clients throw at', async () => {
    const broken = `data: {"type":"response.created","response":{"id":"r1"}\n\n`
    const delta = event({ type: 'response.output_text.delta', delta: 'hello there' })
    expect(await read(responses, [broken, delta])).toMatchObject({ billable: false, error: true })
  })
})

describe('a message', () => {
  const begun = event({ type: 'message_start', message: { id: 'm1', model: 'claude-opus-4-8', usage: { input_tokens: 10, cache_read_input_tokens: 100, cache_creation_input_tokens: 50, cache_creation: { ephemeral_5m_input_tokens: 20, ephemeral_1h_input_tokens: 30 }, output_tokens: 1 } } }) // prettier-ignore
  const text = event({
    type: 'content_block_delta',
    index: 0,
    delta: { type: 'text_delta', text: 'one two three four five' },
  })
  const ended = (usage: object) => event({ type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage })

  test('adds cached tokens to its input, and takes the last output count', async () => {
    const delta = event({ type: 'message_delta', delta: { stop_reason: null }, usage: { output_tokens: 5 } })
    expect(await read(messages, [begun, text, delta, ended({ output_tokens: 9 })])).toMatchObject({
      estimated: false,
      model: 'claude-opus-4-8',
      response_id: 'm1',
      usage: {
        input_tokens: 160,
        output_tokens: 9,
        cache_read_tokens: 100,
        cache_write_tokens: 50,
        cache_write_1h_tokens: 30,
      },
    })
  })

  test('keeps the exact input of a cut stream and estimates only the output, never the placeholder', async () => {
    const reading = await read(messages, [begun, text], { complete: false })
    expect(reading).toMatchObject({ billable: true, estimated: true, usage: { input_tokens: 160, output_tokens: 5 } })
  })

  test('lets the final input counts replace the first, but not with nothing', async () => {
    const grown = await read(messages, [
      begun,
      ended({ input_tokens: 500, cache_read_input_tokens: 0, output_tokens: 9 }),
    ])
    expect(grown.usage).toMatchObject({ input_tokens: 550, cache_read_tokens: 0 })
    const empty = await read(messages, [begun, ended({ input_tokens: 0, output_tokens: 9 })])
    expect(empty.usage.input_tokens).toBe(160)
  })

  test('adds compaction passes, and keeps an advisor apart at its own model', async () => {
    const iterations = [
      { type: 'compaction', input_tokens: 100, cache_creation_input_tokens: 1000, output_tokens: 50 },
      { type: 'message', input_tokens: 10, output_tokens: 9 },
      {
        type: 'advisor_message',
        model: 'claude-opus-5',
        input_tokens: 7,
        cache_read_input_tokens: 3,
        output_tokens: 2,
      },
    ]
    const body = JSON.stringify({ type: 'message', usage: { input_tokens: 10, output_tokens: 9, iterations } })
    expect((await read(messages, [body])).usage).toEqual({
      input_tokens: 1110,
      output_tokens: 59,
      cache_write_tokens: 1000,
      sub_usage: [{ model: 'claude-opus-5', input_tokens: 10, cache_read_tokens: 3, output_tokens: 2 }],
    })
  })

  test('is not billed when it is refused before any output', async () => {
    const overloaded = event({ type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } })
    expect(await read(messages, [overloaded])).toMatchObject({ billable: false, error: true, reason: 'Overloaded' })
    expect(await read(messages, [begun, overloaded])).toMatchObject({ billable: false, error: true })
    expect(await read(messages, [begun, text, overloaded])).toMatchObject({ billable: true, estimated: true })
  })
})

describe('a Gemini stream', () => {
  const chunk = (text: string, usageMetadata: object | undefined, finishReason?: string) => ({
    candidates: [{ content: { parts: [{ text }] }, ...(finishReason ? { finishReason } : {}) }],
    ...(usageMetadata ? { usageMetadata } : {}),
    modelVersion: 'gemini-3-pro',
  })
  const early = chunk('one two three', { promptTokenCount: 8, totalTokenCount: 8 })
  const last = chunk('four', { promptTokenCount: 8, candidatesTokenCount: 4, thoughtsTokenCount: 6, toolUsePromptTokenCount: 2, totalTokenCount: 20 }, 'STOP') // prettier-ignore

  test('takes the last counts, thoughts as output and tools as input', async () => {
    expect(await read(gemini, [event(early), event(last)])).toMatchObject({
      estimated: false,
      usage: { input_tokens: 10, output_tokens: 10, reasoning_tokens: 6 },
    })
  })

  test('is read as a JSON array as well', async () => {
    const array = `[${JSON.stringify(early)}\n,\r\n${JSON.stringify(last)}]`
    expect((await read(gemini, cutEvery(Buffer.from(array), 3))).usage.output_tokens).toBe(10)
    expect(await read(gemini, [array.slice(0, -80)])).toMatchObject({ estimated: true, complete: false })
  })

  test('keeps the exact input when it is cut', async () => {
    const reading = await read(gemini, [event(early)], { complete: false })
    expect(reading).toMatchObject({ estimated: true, usage: { input_tokens: 8, output_tokens: 3 } })
  })

  test('ignores chunks that say only which traffic they are', async () => {
    const traffic = chunk('', { trafficType: 'ON_DEMAND' })
    expect((await read(gemini, [event(last), event(traffic)])).usage.output_tokens).toBe(10)
  })

  test('is not billed for a prompt that was blocked', async () => {
    expect(await read(gemini, [event({ promptFeedback: { blockReason: 'SAFETY' } })])).toMatchObject({
      billable: false,
      error: false,
      reason: 'the prompt was blocked (SAFETY)',
    })
  })

  test('bills each search since Gemini 3, and one a request before', async () => {
    const searched = (modelVersion: string) =>
      event({ ...last, modelVersion, candidates: [{ finishReason: 'STOP', groundingMetadata: { webSearchQueries: ['a', '', 'b'] } }] }) // prettier-ignore
    expect((await read(gemini, [searched('gemini-3-pro')])).usage.web_search_requests).toBe(2)
    expect((await read(gemini, [searched('gemini-2.5-pro')])).usage.web_search_requests).toBe(1)
  })
})

describe('any answer', () => {
  test('is not billed at a status of 300 or more, whatever it says', async () => {
    for (const status of [302, 400, 429, 500, 529])
      expect(await read(chat, [told], { status })).toMatchObject({ billable: false, error: status >= 400, usage: {} })
  })

  test('is not billed at a free endpoint, nor where there is no reader, and says why', async () => {
    const free = call('anthropic', '/v1/messages/count_tokens', {})
    expect(await read(free, ['{"input_tokens":9}'])).toMatchObject({ billable: false, reason: 'the endpoint is free' })
    const unknown = call('openai', '/v1/vector_stores/v/search', {})
    expect(await read(unknown, [])).toMatchObject({ billable: false, reason: 'no reader for this endpoint' })
  })

  test('tells three plain counts at a provider without a format of ours', async () => {
    const plain = call(null, '/v1/speak', {})
    const body = { id: 'x', model: 'm', usage: { characters: 12, duration_seconds: 1.5, tokens: 3 } }
    expect(await read(plain, [JSON.stringify(body)])).toMatchObject({
      billable: true,
      response_id: 'x',
      usage: { total_tokens: 3, input_characters: 12, input_seconds: 1.5 },
    })
    expect(await read(plain, ['{"audio":"…"}'])).toMatchObject({ billable: false, error: false })
    expect(await read(plain, [Buffer.from([0xff, 0xf3, 0x44, 0xc4])])).toMatchObject({ billable: false })
  })

  test('is read by its first byte, whatever its content-type', async () => {
    const body = '\n\n \ufeff{"usage":{"prompt_tokens":1,"completion_tokens":2}}'.replace('\n\n \ufeff', '\ufeff\n\n ')
    for (const type of ['text/plain', 'text/event-stream', 'application/octet-stream'])
      expect((await read(chatBody, [body], { headers: { 'content-type': type } })).usage.output_tokens).toBe(2)
    const stream = [stopped, told].join('')
    expect((await read(chat, [stream], { headers: { 'content-type': 'application/json' } })).usage.output_tokens).toBe(
      4,
    )
  })

  test('is an error when it is a page, or nothing at all', async () => {
    expect(await read(chatBody, ['<html>captive portal</html>'])).toMatchObject({ billable: false, error: true })
    expect(await read(chatBody, [])).toMatchObject({ billable: false, error: true })
    expect(await read(chat, ['error code: 1020'])).toMatchObject({ billable: false, error: true })
  })

  test('is salvaged when a body is cut off behind its usage', async () => {
    const body = JSON.stringify({ usage: { prompt_tokens: 3, completion_tokens: 5 }, choices: [] })
    expect(await read(chatBody, [body.slice(0, -1)])).toMatchObject({
      complete: false,
      estimated: true,
      usage: { input_tokens: 3, output_tokens: 5 },
    })
  })

  test('is unpacked, and estimated when nobody can unpack it', async () => {
    const packed = gzipSync([...lines, stopped, told].join(''))
    const headers = { 'content-encoding': 'gzip' }
    expect((await read(chat, cutEvery(packed, 5), { headers })).usage.output_tokens).toBe(4)
    const unknown = await read(chat, [packed], { headers: { 'content-encoding': 'lzma' } })
    expect(unknown).toMatchObject({ billable: true, estimated: true, reason: 'the answer could not be unpacked' })
    expect(unknown.usage.output_tokens).toBeGreaterThan(0)
  })

  test('is not changed by a chunk that its owner writes over afterwards', async () => {
    const meter = openUsageMeter(chat, { status: 200, headers: {} })
    const bytes = Buffer.from([...lines, stopped, told].join(''))
    for (const chunk of cutEvery(bytes, 100)) {
      meter.write(chunk)
      chunk.fill(0)
    }
    expect((await meter.end(true)).usage.output_tokens).toBe(4)
  })

  test('is known by its bytes as far as it is events of text', () => {
    const meterOf = (of: Call, headers = {}) => openUsageMeter(of, { status: 200, headers })
    const bytes = (...texts: string[]) => Buffer.from(texts.join(''))
    const [line = '', next = ''] = lines
    const meter = meterOf(chat)
    expect(meter.write(bytes(line, next))).toBe(line.length + next.length)
    expect(meter.write(bytes(line, stopped, line))).toBe(line.length)
    expect(meter.write(bytes(line.slice(0, 9)))).toBe(0)
    expect(meter.write(bytes(line.slice(9), line))).toBe(0)
    expect(meter.write(bytes(told))).toBe(0)
    expect(meterOf(chat).write(bytes('\ufeff', line))).toBe(0)
    const packed = { 'content-encoding': 'gzip' }
    expect(meterOf(chat, packed).write(gzipSync(line))).toBe(0)
    const delta = event({ type: 'response.output_text.delta', sequence_number: 1, item_id: 'm1', delta: 'a' })
    expect(meterOf(responses).write(bytes(delta))).toBe(delta.length)
  })

  test('gives the same reading however its bytes are cut', async () => {
    const streams: [Call, string][] = [
      [chat, [...lines, stopped, told, done].join('')],
      [chat, lines.join('')],
      [chat, lines.join('').replaceAll('\n\n', '\r\n\r\n')],
    ]
    for (const [of, stream] of streams) {
      const bytes = Buffer.from(stream)
      const whole = await read(of, [bytes])
      await fc.assert(
        fc.asyncProperty(fc.array(fc.nat(), { maxLength: 30 }), async (cuts) => {
          expect(await read(of, cutAt(bytes, cuts))).toEqual(whole)
        }),
        { numRuns: 50 },
      )
      expect(await read(of, cutEvery(bytes, 1))).toEqual(whole)
    }
  })

  test('never throws, whatever comes', async () => {
    const fragment = fc.constantFrom(
      'data: ',
      '\n\n',
      '{',
      '}',
      '[',
      '"usage":',
      '{"prompt_tokens":1}',
      '"choices":[',
      ',',
      told,
    )
    const anyCall = fc.constantFrom(chat, chatBody, responses, messages, gemini)
    const encoding = fc.constantFrom('', 'gzip', 'br', 'deflate', 'zstd')
    await fc.assert(
      fc.asyncProperty(anyCall, encoding, fc.array(fc.oneof(fragment, fc.uint8Array())), async (of, name, chunks) => {
        const reading = await read(of, chunks, { headers: { 'content-encoding': name } })
        expect(typeof reading.billable).toBe('boolean')
        expect(reading.usage.output_tokens ?? 0).toBeGreaterThanOrEqual(0)
      }),
      { numRuns: 300 },
    )
  })
})
