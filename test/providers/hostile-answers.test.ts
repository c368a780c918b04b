// What any provider may send, by fault or malice: read alike however it is cut, never thrown at, never held on to.
import v8 from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { addressOf, describeCall, type Call } from '../../src/providers/call.ts'
import type { ProviderFamily } from '../../src/providers/provider.ts'
import { openUsageMeter, type Reading } from '../../src/providers/usage-meter.ts'
import { awsChunk, awsEvent, awsException } from '../support/aws-messages.ts'
import { cutAt, cutEvery } from '../support/cut.ts'

/** What a meter holds on to at most, whatever passes, apart from packed bytes that wait to be unpacked (decode.ts). */
const heldBytesMax = 4 * 1024 * 1024

const paths: readonly (readonly [ProviderFamily, string, method?: 'GET'])[] = [
  ['openai', '/v1/chat/completions'],
  ['openai', '/v1/responses'],
  ['openai', '/v1/embeddings'],
  ['openai', '/v1/images/generations'],
  ['openai', '/v1/audio/speech'],
  ['openai', '/v1/audio/transcriptions'],
  ['openai', '/v1/threads/t/runs'],
  ['openai', '/v1/batches/b', 'GET'],
  ['openai', '/v1/videos/v', 'GET'],
  ['openai', '/v1/ocr'],
  ['anthropic', '/v1/messages'],
  ['anthropic', '/v1/complete'],
  ['anthropic', '/v1/messages/batches/b/results', 'GET'],
  ['google', '/v1beta/models/m:streamGenerateContent'],
  ['google', '/v1beta/models/m:embedContent'],
  ['google', '/v1/models/m:predict'],
  ['google', '/v1beta/operations/o', 'GET'],
  ['google', '/v1beta/interactions'],
  ['bedrock', '/model/m/converse-stream'],
  ['bedrock', '/model/m/invoke-with-response-stream'],
  ['cohere', '/v2/chat'],
  ['ollama', '/api/chat'],
  ['watsonx', '/ml/v1/text/generation_stream'],
  ['huggingface', '/'],
  ['alephalpha', '/complete'],
  ['elevenlabs', '/v1/speech-to-text'],
  ['deepgram', '/v1/listen'],
  ['assemblyai', '/v2/transcript/t', 'GET'],
  ['revai', '/v1/jobs/j', 'GET'],
  ['gladia', '/v2/pre-recorded/g', 'GET'],
  ['replicate', '/v1/predictions/p', 'GET'],
  ['fal', '/fal-ai/flux'],
  ['black-forest-labs', '/v1/get_result', 'GET'],
  ['luma', '/v1/generations/l', 'GET'],
]

function callTo(family: ProviderFamily, path: string, method = 'POST', body: unknown = { stream: true }): Call {
  return describeCall({
    address: addressOf(family, method, new URL(path, 'https://api.example')),
    body,
    bodyBytes: 100,
  })
}

const calls = paths.map(([family, path, method]) => callTo(family, path, method))

async function read(call: Call, chunks: readonly Buffer[], type = '', complete = true): Promise<Reading> {
  const meter = openUsageMeter(call, { status: 200, headers: { 'content-type': type } })
  for (const chunk of chunks) meter.write(chunk)
  return meter.end(complete)
}

test('every dialect takes part', () => {
  expect(new Set(calls.map(({ dialect }) => dialect)).size).toBe(34)
  expect(calls.every(({ dialect }) => dialect !== null)).toBe(true)
})

describe('any split of any stream gives the same usage', () => {
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('data: {"usage":1}\n\n', '"}', '\\', 'é😀'))
  // Zeros are taken for silence by the Anthropic reader: no message is empty.
  const count = fc.integer({ min: 1, max: 100_000 })
  const usage = fc.record({ prompt_tokens: count, completion_tokens: count })

  /** Objects as the provider's stream has them: some text, then what tells the usage. */
  const streams: Record<string, { path: (typeof paths)[number]; objects: fc.Arbitrary<readonly object[]> }> = {
    chat: {
      path: ['openai', '/v1/chat/completions'],
      objects: fc.tuple(fc.array(text), fc.option(usage)).map(([texts, told]) => [
        ...texts.map((content) => ({
          model: 'm',
          choices: [{ delta: { content }, finish_reason: null }],
          usage: null,
        })),
        { choices: [{ delta: {}, finish_reason: 'stop' }] },
        ...(told ? [{ choices: [], usage: told }] : []),
      ]),
    },
    responses: {
      path: ['openai', '/v1/responses'],
      objects: fc
        .tuple(fc.array(text), count)
        .map(([texts, tokens]) => [
          ...texts.map((delta) => ({ type: 'response.output_text.delta', delta })),
          { type: 'response.completed', response: { id: 'r', usage: { input_tokens: tokens, output_tokens: 1 } } },
        ]),
    },
    anthropic: {
      path: ['anthropic', '/v1/messages'],
      objects: fc
        .tuple(fc.array(text), count)
        .map(([texts, tokens]) => [
          { type: 'message_start', message: { usage: { input_tokens: tokens, output_tokens: 1 } } },
          ...texts.map((said) => ({ type: 'content_block_delta', delta: { text: said } })),
          { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: tokens } },
        ]),
    },
    gemini: {
      path: ['google', '/v1beta/models/m:streamGenerateContent'],
      objects: fc.tuple(fc.array(text), count).map(([texts, tokens]) =>
        texts.map((said, index) => ({
          candidates: [{ content: { parts: [{ text: said }] } }],
          usageMetadata: { promptTokenCount: tokens, candidatesTokenCount: index },
        })),
      ),
    },
    cohere: {
      path: ['cohere', '/v2/chat'],
      objects: fc
        .tuple(fc.array(text), count)
        .map(([texts, tokens]) => [
          ...texts.map((said) => ({ type: 'content-delta', delta: { message: { content: { text: said } } } })),
          { type: 'message-end', delta: { usage: { billed_units: { input_tokens: tokens, output_tokens: 2 } } } },
        ]),
    },
    ollama: {
      path: ['ollama', '/api/chat'],
      objects: fc
        .tuple(fc.array(text), count)
        .map(([texts, tokens]) => [
          ...texts.map((content) => ({ model: 'm', message: { content }, done: false })),
          { model: 'm', done: true, prompt_eval_count: tokens, eval_count: 3 },
        ]),
    },
  }

  const framing = fc.record({
    newline: fc.constantFrom('\n', '\r\n', '\r'),
    mark: fc.constantFrom('', '\ufeff'),
    comment: fc.constantFrom('', ': keep-alive'),
    space: fc.constantFrom('', ' '),
    lines: fc.boolean(),
    closed: fc.boolean(),
  })
  type Framing = typeof framing extends fc.Arbitrary<infer F> ? F : never

  function framed(objects: readonly object[], { newline, mark, comment, space, lines, closed }: Framing): Buffer {
    const events = objects.map((object) => {
      const json = JSON.stringify(object, null, lines ? 1 : 0)
      const data = json.split('\n').map((line) => `data:${space}${line}`)
      return [...(comment === '' ? [] : [comment]), 'event: e', 'id: 1', ...data].join(newline)
    })
    const end = closed ? newline + newline : ''
    return Buffer.from(mark + events.join(newline + newline) + end)
  }

  test.each(Object.entries(streams))('%s, as events', async (_name, { path: [family, path], objects }) => {
    const call = callTo(family, path)
    await fc.assert(
      fc.asyncProperty(objects, framing, fc.array(fc.nat(), { maxLength: 12 }), async (said, frame, cuts) => {
        const bytes = framed(said, frame)
        const whole = await read(call, [bytes])
        expect(await read(call, cutAt(bytes, cuts))).toEqual(whole)
        expect(await read(call, cutEvery(bytes, 1))).toEqual(whole)
        const plain = framed(said, { newline: '\n', mark: '', comment: '', space: ' ', lines: false, closed: true })
        expect((await read(call, [plain])).usage).toEqual(whole.usage)
      }),
      { numRuns: 60 },
    )
  })

  test.each(Object.entries(streams))(
    '%s, as lines and as an array',
    async (_name, { path: [family, path], objects }) => {
      const call = callTo(family, path)
      await fc.assert(
        fc.asyncProperty(objects, fc.array(fc.nat(), { maxLength: 12 }), async (said, cuts) => {
          for (const form of [said.map((object) => JSON.stringify(object)).join('\n'), JSON.stringify(said)]) {
            const bytes = Buffer.from(form)
            const whole = await read(call, [bytes])
            expect(await read(call, cutAt(bytes, cuts))).toEqual(whole)
            expect(await read(call, cutEvery(bytes, 1))).toEqual(whole)
          }
        }),
        { numRuns: 60 },
      )
    },
  )

  test('Bedrock’s messages, wrapped and not', async () => {
    const type = 'application/vnd.amazon.eventstream'
    await fc.assert(
      fc.asyncProperty(fc.array(text), count, fc.boolean(), fc.array(fc.nat(), { maxLength: 12 }), async (texts, tokens, fails, cuts) => {
        const converse = [
          ...texts.map((said) => awsEvent('contentBlockDelta', { delta: { text: said } })),
          fails ? awsException('throttlingException', 'no') : awsEvent('metadata', { usage: { inputTokens: tokens, outputTokens: 4 } }),
        ]
        const invoke = [
          awsChunk({ type: 'message_start', message: { usage: { input_tokens: tokens, output_tokens: 1 } } }),
          ...texts.map((said) => awsChunk({ type: 'content_block_delta', delta: { text: said } })),
          awsChunk({ type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 5 } }),
        ]
        for (const [path, messages] of [['/model/m/converse-stream', converse], ['/model/m/invoke-with-response-stream', invoke]] as const) {
          const call = callTo('bedrock', path, 'POST', {})
          const bytes = Buffer.concat(messages)
          const whole = await read(call, [bytes], type)
          expect(await read(call, cutAt(bytes, cuts), type)).toEqual(whole)
          expect(await read(call, cutEvery(bytes, 1), type)).toEqual(whole)
          if (path.includes('invoke')) expect(whole.usage).toMatchObject({ input_tokens: tokens, output_tokens: 5 })
          else if (!fails) expect(whole.usage).toEqual({ input_tokens: tokens, output_tokens: 4 })
        }
      }),
      { numRuns: 60 },
    )
  }) // prettier-ignore
})

describe('no answer', () => {
  test('of random bytes makes it throw', async () => {
    const type = fc.constantFrom('', 'text/event-stream', 'application/json', 'application/vnd.amazon.eventstream')
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...calls), type, fc.array(fc.uint8Array()), async (call, name, chunks) => {
        const reading = await read(call, chunks.map((chunk) => Buffer.from(chunk)), name)
        expect(Object.values(reading.usage).every((value) => typeof value !== 'number' || value >= 0)).toBe(true)
      }),
      { numRuns: 1_000 },
    )
  }) // prettier-ignore

  test('of truncated JSON makes it throw, or is taken for whole', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...calls), fc.dictionary(fc.string(), fc.jsonValue()), fc.nat(), async (call, value, at) => {
        const bytes = Buffer.from(JSON.stringify(value))
        const cut = bytes.subarray(0, at % bytes.length)
        const reading = await read(call, [cut])
        expect(reading.complete && cut.length > 0).toBe(false)
      }),
      { numRuns: 1_000 },
    )
  }) // prettier-ignore

  /** Readers that keep a state of their own; the others are declared alike (last-told.ts). */
  const ownReaders = new Set(['openai-chat', 'openai-responses', 'anthropic', 'gemini', 'bedrock-invoke', 'cohere'])
  const megabytes = 10 * 1024 * 1024
  const filler = Buffer.alloc(64 * 1024, 'ab "\\u00e9')
  const openings: readonly (readonly [name: string, opening: string, body: Buffer])[] = [
    ['a line without end', 'data: {"x":"', Buffer.alloc(64 * 1024, 'x')],
    ['a text without end', '{"choices":[{"delta":{"content":"', Buffer.alloc(64 * 1024, 'word ')],
    ['a usage without end', '{"usage":{"x":"', Buffer.alloc(64 * 1024, 'y')],
    ['a usage of ever new fields', '{"type":"message_delta","usage":{', Buffer.alloc(64 * 1024, '"k":[1,{}],')],
    ['keys without end', '{"', Buffer.alloc(64 * 1024, 'k')],
    ['lists without end', '{"output":[', Buffer.alloc(64 * 1024, '{"type":"t","action":{"type":"search"}},')],
    ['noise', '', filler],
    ['brackets', '', Buffer.alloc(64 * 1024, '[')],
    ['braces', '', Buffer.alloc(64 * 1024, '{"choices":[')],
    ['usage in usage', '', Buffer.alloc(64 * 1024, '{"usage":')],
    ['empty events', 'data: {}\n\n', Buffer.alloc(64 * 1024, 'data:\n\n')],
    ['blank lines', '', Buffer.alloc(64 * 1024, '\n')],
  ]

  /** Writes so much to a meter of each call, and tells what they hold on to together. */
  async function heldBy(of: readonly Call[], opening: string, body: Buffer, bytesToCome: number): Promise<number> {
    v8.setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    collect()
    const before = held()
    const meters = of.map((call) => openUsageMeter(call, { status: 200, headers: {} }))
    for (const meter of meters) {
      meter.write(Buffer.from(opening))
      for (let bytes = 0; bytes < bytesToCome; bytes += body.length) meter.write(body)
    }
    collect()
    const bytesHeld = held() - before
    for (const meter of meters) {
      const { usage } = await meter.end(true)
      expect(Object.values(usage).every((value) => typeof value !== 'number' || Number.isSafeInteger(value))).toBe(true)
    }
    return bytesHeld
  }

  test.each(openings)('of 10 MB hangs or is held on to: %s', async (_name, opening, body) => {
    for (const call of calls.filter(({ dialect }) => dialect !== null && ownReaders.has(dialect)))
      expect(await heldBy([call], opening, body, megabytes), call.path).toBeLessThan(heldBytesMax)
    const declared = calls.filter(({ dialect }) => dialect !== null && !ownReaders.has(dialect))
    expect(await heldBy(declared, opening, body, megabytes / 10)).toBeLessThan(heldBytesMax)
  })

  test('of 10 MB in front of its usage hides it', async () => {
    const call = callTo('openai', '/v1/chat/completions', 'POST', {})
    const usage = { prompt_tokens: 3, completion_tokens: 4 }
    const body = JSON.stringify({ data: 'x'.repeat(megabytes), choices: [{ finish_reason: 'stop' }], usage })
    expect((await read(call, cutEvery(Buffer.from(body), 16_384))).usage).toMatchObject({ input_tokens: 3, output_tokens: 4 })
  }) // prettier-ignore
})

function held(): number {
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
