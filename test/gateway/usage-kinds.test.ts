// Answers that are no chat: read by the host itself, spoken, heard, or made in the background.
import { afterEach, describe, expect, test } from 'vitest'
import type { HostUsageReader, ProviderOptions } from '../../src/gateway/configured-provider.ts'
import type { RequestRecord } from '../../src/ledger/request-record.ts'
import { runningApp, secretKey, type AppOptions, type RunningApp } from '../support/running-app.ts'

let running: RunningApp
afterEach(() => running.close())

const perRequest = { meter_slug: 'requests', name: 'Requests', rate_type: 'fixed', tier_type: 'requests', tiers: [{ start: '0', rate: '0.01' }] } as const // prettier-ignore
const perCharacter = { meter_slug: 'characters', name: 'Characters', rate_type: 'fixed', tier_type: 'characters_1m', tiers: [{ start: '0', rate: '30' }] } as const // prettier-ignore
const atCost = { meter_slug: 'cost', name: 'Cost', rate_type: 'percentage', tier_type: 'tokens_1m', tiers: [{ start: '0', rate: '100' }] } as const // prettier-ignore

async function start(entry: Record<string, ProviderOptions>, options: AppOptions['lava'] = {}): Promise<void> {
  running = await runningApp({
    lava: { meters: [perRequest, perCharacter, atCost], ...options },
    providers: (mock) =>
      Object.fromEntries(
        Object.entries(entry).map(([key, own]) => [
          key,
          { baseUrl: `${mock}/${key}`, apiKey: 'k', allowPrivate: true, ...own },
        ]),
      ),
  })
  await running.lava.credit({ customer_id: 'ada', amount: '10', entry_id: 'e' })
}

interface Asked {
  meter?: 'requests' | 'characters' | 'cost'
  method?: 'GET'
  /** By the merchant's own server. */
  merchant?: boolean
  body?: FormData | object
}

/** What one call is charged, given what the provider answers. */
async function charged(path: string, answer: object | Buffer | string, { meter = 'cost', method, merchant = false, body }: Asked = {}): Promise<RequestRecord> {
  const bytes = Buffer.isBuffer(answer) ? answer : Buffer.from(typeof answer === 'string' ? answer : JSON.stringify(answer))
  const type = Buffer.isBuffer(answer) ? (answer.includes('custom_id') ? 'application/x-jsonl' : 'audio/mpeg') : typeof answer === 'string' ? 'text/event-stream' : 'application/json'
  running.provider.next({ raw: { status: 200, headers: { 'content-type': type }, chunks: [bytes] } })
  const done = running.records.length
  const isForm = body instanceof FormData
  const response = await fetch(`${running.base}/v1/forward?u=${encodeURIComponent(`${running.provider.url}${path}`)}`, {
    method: method ?? 'POST',
    headers: {
      authorization: `Bearer ${merchant ? secretKey : running.token({ customer_id: 'ada', meter_slug: meter })}`,
      ...(isForm ? {} : { 'content-type': 'application/json' }),
    },
    ...(method === 'GET' ? {} : { body: isForm ? body : JSON.stringify(body ?? {}) }),
  })
  expect(response.status, await response.clone().text()).toBe(200)
  expect(Buffer.from(await response.arrayBuffer()).equals(bytes)).toBe(true)
  const record = (await running.recordsDone(done + 1))[done]
  if (!record) throw new Error('the call left no record')
  return record
} // prettier-ignore

describe('a provider that the host reads itself', () => {
  interface Answer {
    meta?: { in: number; out: number; model: string }
  }
  const usage: HostUsageReader = (json) => {
    const { meta } = json as Answer
    if (!meta) return null
    return { input_tokens: meta.in, output_tokens: meta.out, model: meta.model }
  }
  const prices = { 'mine-1': { input_tokens_1m: '1', output_tokens_1m: '10' } }
  const asked = { body: { model: 'mine-1', prompt: 'hello there' } }

  test('is charged for what the host read', async () => {
    await start({ mine: { usage } }, { prices })
    const record = await charged('/mine/anything', { meta: { in: 1000, out: 100, model: 'mine-1' } }, asked)
    expect(record).toMatchObject({ usage_source: 'provider', model: 'mine-1', charge: { amount: '0.0020000000' } })
    expect(record.usage).toEqual({ input_tokens: 1000, output_tokens: 100 })
  })

  test('is charged for what the host took its time to read', async () => {
    await start({ mine: { usage: (json) => Promise.resolve(usage(json, { status: 200, headers: {} })) } }, { prices })
    const record = await charged('/mine/anything', { meta: { in: 1000, out: 100, model: 'mine-1' } }, asked)
    expect(record).toMatchObject({ usage_source: 'provider', charge: { amount: '0.0020000000' } })
  })

  test('may say anything that our own readers say', async () => {
    const all = { input_tokens: 1, file_search_requests: 2, input_channels: 2, service_tier: 'flex', image_size: '1x1' }
    await start({ mine: { usage: () => all } }, { prices })
    expect((await charged('/mine/anything', {}, asked)).usage).toEqual(all)
  })

  test('is charged nothing where the host finds nothing to bill', async () => {
    await start({ mine: { usage } }, { prices })
    const record = await charged('/mine/status', { state: 'idle' }, asked)
    expect(record).toMatchObject({ usage_source: 'none', charge: { amount: '0.0000000000' } })
    expect(record.note).toContain('nothing to bill')
  })

  test.each([
    ['throws', () => { throw new Error('no such field') }],
    ['rejects', () => Promise.reject(new Error('no such field'))],
    ['returns a wrong field', () => ({ tokens: 5 })],
    ['returns no count', () => ({ model: 'mine-1', input_tokens: undefined })],
    ['returns a count below zero', () => ({ input_tokens: -5 })],
  ] as const)('is estimated when the host’s function %s, and the host is told', async (_what, broken) => {
    await start({ mine: { usage: broken as ProviderOptions['usage'] } }, { prices })
    const record = await charged('/mine/anything', { text: 'x'.repeat(400) }, asked)
    expect(record).toMatchObject({ usage_source: 'estimated', note: 'the host’s usage function failed' })
    expect(Number(record.charge?.amount)).toBeGreaterThan(0)
    expect(running.log.find(({ level }) => level === 'error')?.text).toContain('providers.mine')
  }) // prettier-ignore

  test('is read as whom it is like where the answer is a stream', async () => {
    await start({ mine: { usage, like: 'openai', includeUsage: false } }, { prices })
    const events = [
      { choices: [{ delta: { content: 'hi' }, finish_reason: 'stop' }] },
      { choices: [], usage: { prompt_tokens: 7, completion_tokens: 3 } },
    ]
    const stream = events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('')
    const record = await charged('/mine/chat/completions', stream, { body: { model: 'mine-1', stream: true } })
    expect(record).toMatchObject({ usage_source: 'provider', usage: { input_tokens: 7, output_tokens: 3 } })
  })

  test('is refused a function that is none', async () => {
    await start({})
    await expect(start({ mine: { usage: 'yes' as never } })).rejects.toThrow(/providers\.mine\.usage.*must be a function/)
  }) // prettier-ignore
})

describe('speech', () => {
  const body = { model: 'tts-1', voice: 'alloy', input: 'Grüße 😀' }

  test('is charged by the characters of its text, whatever sound comes back', async () => {
    await start({ openai: {} })
    const record = await charged('/openai/audio/speech', Buffer.from([0xff, 0xf3, 0x44]), { meter: 'characters', body })
    expect(record).toMatchObject({ usage_source: 'provider', model_usage: { input_characters: 7, total_characters: 7 } })
    expect(record.charge?.amount).toBe('0.0002100000')
  }) // prettier-ignore

  test('is held for and charged at its price', async () => {
    await start({ openai: {} })
    const record = await charged('/openai/audio/speech', Buffer.from([0xff, 0xf3, 0x44]), { body })
    // Seven characters at $15 a million.
    expect(record).toMatchObject({ held: '0.0001050000', cost: '0.0001050000', charge: { amount: '0.0001050000' } })
  })
})

test('a transcription is priced by the model that its form names', async () => {
  await start({ openai: {} })
  const form = new FormData()
  form.append('file', new Blob([Buffer.alloc(320_000)], { type: 'audio/mpeg' }), 'a.mp3')
  form.append('model', 'whisper-1')
  form.append('response_format', 'verbose_json')
  const record = await charged('/openai/audio/transcriptions', { text: 'hi', duration: 30 }, { body: form })
  // Half a minute at $0.006.
  expect(record).toMatchObject({ model: 'whisper-1', usage: { input_seconds: 30 }, cost: '0.0030000000' })
  expect(Number(record.held)).toBeGreaterThan(0.001)
  const calls = running.provider.calls
  expect(calls[0]?.headers['content-type']).toMatch(/^multipart\/form-data; boundary=/)
})

test('a recording that is too large to be held is priced by the model that its form names at its end', async () => {
  await start({ openai: {} }, { inspectBytesMax: 100_000 })
  const form = new FormData()
  form.append('file', new Blob([Buffer.alloc(400_000)], { type: 'audio/mpeg' }), 'a.mp3')
  form.append('model', 'whisper-1')
  const answer = { text: 'hi', usage: { type: 'duration', seconds: 600 } }
  const record = await charged('/openai/audio/transcriptions', answer, { body: form })
  expect(record).toMatchObject({ status: 'completed', model: 'whisper-1', cost: '0.0600000000' })
  expect(running.provider.calls[0]?.body.length).toBeGreaterThan(400_000)
})

test('a form of nothing but parts is read as far as any form goes', async () => {
  await start({ openai: {} })
  const body = Buffer.from('--XX\r\n\r\n\r\n'.repeat(400_000))
  running.provider.next({ status: 400 })
  const response = await fetch(`${running.base}/v1/forward?u=${running.provider.url}/openai/audio/transcriptions`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${running.token({ customer_id: 'ada', meter_slug: 'requests' })}`,
      'content-type': 'multipart/form-data; boundary=XX',
    },
    body,
  })
  expect(response.status).toBe(400)
})

test('a transcription that tells nothing is estimated from the size of its upload', async () => {
  await start({ openai: {} })
  const form = new FormData()
  form.append('model', 'whisper-1')
  form.append('file', new Blob([Buffer.alloc(320_000)]), 'a.mp3')
  const record = await charged('/openai/audio/transcriptions', { text: 'hi' }, { body: form })
  expect(record.usage_source).toBe('estimated')
  // 320 KB of MP3 are about twenty seconds.
  expect(record.model_usage.input_seconds).toBeGreaterThanOrEqual(20)
  expect(record.model_usage.input_seconds).toBeLessThan(22)
})

describe('work in the background', () => {
  const starting = { id: 'p1', status: 'starting', model: 'meta/llama', metrics: {} }
  const finished = { id: 'p1', status: 'succeeded', model: 'meta/llama', metrics: { input_token_count: 50, output_token_count: 5, predict_time: 2 } } // prettier-ignore
  const get = { method: 'GET', meter: 'requests' } as const

  test('is one request: its submission and its polls are none', async () => {
    await start({ replicate: {} })
    const submitted = await charged('/replicate/predictions', starting, { meter: 'requests' })
    const polled = await charged('/replicate/predictions/p1', { ...starting, status: 'processing' }, get)
    const fetched = await charged('/replicate/predictions/p1', finished, get)
    const again = await charged('/replicate/predictions/p1', finished, get)
    expect([submitted, polled, fetched, again].map(({ charge }) => charge?.amount ?? null)).toEqual([
      null,
      null,
      '0.0100000000',
      null,
    ])
    expect(submitted.note).toBe('the work goes on in the background')
    expect(again.note).toContain(fetched.request_id)
    expect((await running.lava.canAfford({ customer_id: 'ada', amount: '1' })).available).toBe('9.9900000000')
  })

  test('is charged once although it was finished when it was started', async () => {
    await start({ replicate: {} })
    const waited = await charged('/replicate/predictions', finished, { meter: 'requests' })
    const fetched = await charged('/replicate/predictions/p1', finished, get)
    expect([waited, fetched].map(({ charge }) => charge?.amount ?? null)).toEqual(['0.0100000000', null])
  })
})

describe('a result that somebody else fetches', () => {
  const submitted = { id: 'img1', polling_url: 'https://x.example/v1/get_result?id=img1' }
  const ready = { id: 'img1', status: 'Ready', result: { sample: 'https://x.example/a.png' } }
  const prices = { 'blackForestLabs/flux-pro-1.1': { images: '0.04' } }

  test('is charged to whoever began it, at the price of the model that was asked for', async () => {
    await start({ blackForestLabs: {} }, { prices })
    const begun = await charged('/blackForestLabs/flux-pro-1.1', submitted, { meter: 'cost' })
    const fetched = await charged('/blackForestLabs/get_result', ready, { method: 'GET', merchant: true })
    expect(fetched).toMatchObject({ customer_id: 'ada', request_id: `${begun.request_id}_result` })
    expect(fetched).toMatchObject({ cost: '0.0400000000', charge: { amount: '0.0400000000' } })
    await running.recordsDone(3)
    expect(running.records[2]).toMatchObject({ customer_id: null, charge: null })
    expect(running.records[2]?.note).toContain(fetched.request_id)
    expect((await running.lava.canAfford({ customer_id: 'ada', amount: '1' })).available).toBe('9.9600000000')
    // Once more: nothing is charged again.
    running.records.length = 0
    const again = await charged('/blackForestLabs/get_result', ready, { method: 'GET', merchant: true })
    expect(again.note).toContain('charged before')
  })
})

test('batch results that were cut off are charged for what came, and the rest when they are fetched whole', async () => {
  await start({ anthropic: {} }, { prices: { 'claude-x': { input_tokens_1m: '1', output_tokens_1m: '1' } } })
  const usage = { input_tokens: 1_000_000, output_tokens: 1_000_000 }
  const line = (id: string) => JSON.stringify({ custom_id: id, result: { type: 'succeeded', message: { model: 'claude-x', usage } } }) // prettier-ignore
  const whole = [line('a'), line('b'), line('c')].join('\n')
  const path = '/anthropic/messages/batches/b1/results'
  const cut = await charged(path, Buffer.from(whole.slice(0, -5)), { method: 'GET' })
  expect(cut).toMatchObject({ usage_source: 'estimated', usage: { summed_requests: 2 } })
  const rest = await charged(path, Buffer.from(whole), { method: 'GET' })
  const sum = [cut, rest].reduce((total, { charge }) => total + Number(charge?.amount ?? 0), 0)
  expect((await charged(path, Buffer.from(whole), { method: 'GET' })).note).toContain('charged before')
  // Three messages of two million tokens, at half of a dollar a million.
  expect(sum).toBeCloseTo(3, 9)
})

describe('a call whose price is known', () => {
  test.each([
    ['cohereNative', '/v2/rerank', { model: 'rerank-v3.5', query: 'q', documents: ['a'] }, { results: [], meta: { billed_units: { search_units: 1 } } }, '0.0020000000'],
    ['google', '/models/imagen-4.0-generate-001:predict', { instances: [{ prompt: 'p' }], parameters: { sampleCount: 2 } }, { predictions: [{ bytesBase64Encoded: 'A' }, { bytesBase64Encoded: 'B' }] }, '0.0800000000'],
    ['elevenlabs', '/text-to-speech/voice', { text: 'x'.repeat(1000) }, Buffer.from([0xff, 0xf3]), '0.1000000000'],
    ['openai', '/videos', { model: 'sora-2', prompt: 'p', seconds: '4' }, { id: 'v', status: 'queued' }, '0.0000000000'],
    ['gladia', '/pre-recorded', { audio_url: 'https://x.example/a.mp3' }, { id: 'g', result_url: 'https://x.example/g' }, '0.0000000000'],
  ] as const)('is let through and charged by it: %s %s', async (provider, path, body, answer, cost) => {
    await start({ [provider]: {} })
    const record = await charged(`/${provider}${path}`, answer, { body })
    expect(record).toMatchObject({ status: 'completed', cost })
    expect(Number(record.held)).toBeGreaterThan(0)
  }) // prettier-ignore

  test('is that of the model in the path, whatever the body says', async () => {
    await start({ google: {} })
    const body = { model: 'gemini-2.0-flash-lite', contents: [{ parts: [{ text: 'hello '.repeat(1000) }] }] }
    const answer = { usageMetadata: { promptTokenCount: 1000, candidatesTokenCount: 10 }, candidates: [{ finishReason: 'STOP' }] } // prettier-ignore
    expect((await charged('/google/models/gemini-2.5-pro:generateContent', answer, { body })).model).toBe(
      'gemini-2.5-pro',
    )
  })

  test('is refused where nothing will ever tell the model', async () => {
    await start({ openai: {} })
    const answer = await running.call({ target: `${running.provider.url}/openai/audio/speech`, body: { model: undefined, input: 'x' }, credential: running.token({ customer_id: 'ada', meter_slug: 'cost' }) }) // prettier-ignore
    expect(answer.status).toBe(422)
    expect(running.provider.callCount).toBe(0)
  })

  test('is estimated whatever a request says of its quality', async () => {
    await start({ openai: {} })
    const body = { model: 'gpt-image-1', prompt: 'p', quality: 'constructor' }
    const usage = { input_tokens: 10, output_tokens: 272, total_tokens: 282 }
    const record = await charged('/openai/images/generations', { data: [{ b64_json: 'A' }], usage }, { body })
    expect(record).toMatchObject({ status: 'completed', note: null })
    expect(Number(record.held)).toBeGreaterThan(0)
  })
})

test('what is only looked at or laid by is let through, and costs nothing', async () => {
  await start({ elevenlabs: {}, openai: {} })
  expect((await charged('/elevenlabs/voices', { voices: [] }, { method: 'GET' })).note).toBe('the endpoint is free')
  expect((await charged('/openai/files', { id: 'file-1' })).note).toBe('the endpoint is free')
})

test('counts and lists are no request', async () => {
  await start({ openai: {} })
  const listed = await charged('/openai/models', { data: [] }, { method: 'GET', meter: 'requests' })
  expect(listed).toMatchObject({ charge: null, held: '0.0000000000', note: 'the endpoint is free' })
})

test('an answer that nobody can read is a request all the same', async () => {
  await start({ openai: {} })
  const record = await charged('/openai/vector_stores/v/search', { data: [] }, { meter: 'requests' })
  expect(record).toMatchObject({ charge: { amount: '0.0100000000' }, note: 'no reader for this endpoint' })
})
