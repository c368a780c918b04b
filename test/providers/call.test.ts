import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { addressOf, describeCall, type Call } from '../../src/providers/call.ts'
import type { ProviderFamily } from '../../src/providers/provider.ts'
import { mediaTokensEstimate } from '../../src/providers/request-size.ts'

function describeOpenai(body: unknown, path = '/v1/chat/completions', method = 'POST'): Call {
  return call('openai', path, body, method)
}

function call(family: ProviderFamily | null, path: string, body: unknown, method = 'POST'): Call {
  const bodyBytes = body === undefined ? 0 : Buffer.byteLength(JSON.stringify(body))
  return describeCall({ address: addressOf(family, method, new URL(path, 'https://api.example')), body, bodyBytes })
}

test('has no dialect at a provider without a known family', () => {
  expect(call(null, '/v1/chat/completions', {})).toMatchObject({ dialect: null, free: false })
})

test('asks for nothing that would be held at a free endpoint', () => {
  expect(describeOpenai({ input: 'text' }, '/v1/moderations')).toMatchObject({ free: true, input_tokens_estimate: 0 })
})

describe('the request', () => {
  test('names its model in the body or in the path', () => {
    expect(describeOpenai({ model: 'gpt-5' }).model).toBe('gpt-5')
    expect(call('google', '/v1beta/models/gemini-3%2Ftuned:generateContent', {}).model).toBe('gemini-3/tuned')
    expect(call('openai', '/openai/deployments/mine/chat/completions', {}).model).toBe('mine')
    expect(call('bedrock', '/model/us.amazon.nova-micro-v1%3A0/converse', {}).model).toBe('us.amazon.nova-micro-v1:0')
    expect(call('elevenlabs', '/v1/text-to-speech/voice', { model_id: 'eleven_v3' }).model).toBe('eleven_v3')
    expect(call('deepgram', '/v1/listen?model=nova-3', {}).model).toBe('nova-3')
    expect(call('replicate', '/v1/models/meta/llama-3/predictions', {}).model).toBe('meta/llama-3')
    expect(describeOpenai({ model: 5 }).model).toBeNull()
    expect(describeOpenai(undefined).model).toBeNull()
  })

  test('is streamed when the body, the query or the path says so', () => {
    expect(describeOpenai({ stream: true }).streamed).toBe(true)
    // The field of a form.
    expect(describeOpenai({ stream: 'true' }).streamed).toBe(true)
    expect(describeOpenai({ stream: 1 }).streamed).toBe(false)
    expect(describeOpenai({ stream_format: 'sse' }, '/v1/audio/speech').streamed).toBe(true)
    expect(call('bedrock', '/model/m/converse-stream', {}).streamed).toBe(true)
    expect(describeOpenai({}, '/v1/responses/r?stream=true', 'GET').streamed).toBe(true)
    expect(call('google', '/v1beta/models/m:streamGenerateContent', {}).streamed).toBe(true)
  })

  test.each([
    [{ max_tokens: 5 }, 5],
    [{ max_completion_tokens: 6 }, 6],
    [{ max_output_tokens: 7 }, 7],
    [{ generationConfig: { maxOutputTokens: 8 } }, 8],
    [{ generation_config: { max_output_tokens: 9 } }, 9],
    [{ max_tokens: 5, max_completion_tokens: 50 }, 50],
    [{ max_tokens: '5' }, null],
    [{ max_tokens: -1 }, null],
    [{}, null],
  ])('caps its output by %o', (body, cap) => {
    expect(describeOpenai(body).max_output_tokens).toBe(cap)
  })

  test.each([
    [{}, 1],
    [{ n: 3 }, 3],
    [{ n: 0 }, 1],
    [{ n: 2, best_of: 5 }, 5],
    [{ prompt: ['a', 'b'], n: 2 }, 4],
    [{ prompt: [1, 2, 3] }, 1],
    [{ generationConfig: { candidateCount: 4 } }, 4],
  ])('asks with %o for %i answers', (body, choices) => {
    expect(describeOpenai(body).choices).toBe(choices)
  })

  test('says whether it asked for the usage event itself', () => {
    expect(describeOpenai({ stream_options: { include_usage: true } }).includes_usage).toBe(true)
    expect(describeOpenai({ stream_options: { include_usage: 1 } }).includes_usage).toBe(false)
  })
})

describe('the input estimate', () => {
  const estimate = (content: unknown, more: object = {}) =>
    describeOpenai({ model: 'm', messages: [{ role: 'user', content }], ...more }).input_tokens_estimate

  test('counts prose at about four letters and a half a token', () => {
    const prose = 'The quick brown fox jumps over the lazy dog, and nobody knows why it always has to be a fox. '
    expect(estimate(prose) / (prose.length / 4.4)).toBeCloseTo(1, 0)
    expect(estimate(prose.repeat(2_000)) / ((prose.length * 2_000) / 4.4)).toBeCloseTo(1, 0)
  })

  test('counts Chinese at nearly a token a character', () => {
    const tokens = estimate('敏捷的棕色狐狸跳过懒狗'.repeat(100))
    expect(tokens).toBeGreaterThan(600)
    expect(tokens).toBeLessThan(1_400)
  })

  test.each([
    [{ type: 'image_url', image_url: { url: `data:image/png;base64,${'A'.repeat(200_000)}` } }],
    [{ type: 'input_image', image_url: `data:image/png;base64,${'A'.repeat(200_000)}` }],
    [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'A'.repeat(200_000) } }],
    [{ inlineData: { mimeType: 'image/png', data: 'A'.repeat(200_000) } }],
    [{ inline_data: { mime_type: 'image/png', data: 'A'.repeat(200_000) } }],
    [{ type: 'file', file: { file_data: `data:application/pdf;base64,${'A'.repeat(200_000)}` } }],
    [{ type: 'input_audio', input_audio: { format: 'wav', data: 'A'.repeat(200_000) } }],
  ])('takes media for media and not for text: %o', (part) => {
    const tokens = estimate([part])
    expect(tokens).toBeGreaterThanOrEqual(mediaTokensEstimate)
    expect(tokens).toBeLessThan(mediaTokensEstimate + 30)
  })

  test('counts a text that only looks like an image, and a text document', () => {
    const text = 'the quick brown fox '.repeat(1_000)
    expect(estimate(`data:image/png;base64,${text}`)).toBeGreaterThan(3_000)
    const document = { type: 'document', source: { type: 'text', media_type: 'text/plain', data: text } }
    expect(estimate([document])).toBeGreaterThan(3_000)
  })

  test('counts tools, instructions and token ids', () => {
    const tools = [{ type: 'function', function: { name: 'get_weather', parameters: { properties: { city: {} } } } }]
    expect(estimate('hi', { tools })).toBeGreaterThan(estimate('hi') + 5)
    expect(describeOpenai({ prompt: Array(500).fill(42) }).input_tokens_estimate).toBeGreaterThanOrEqual(500)
  })

  test('takes a body that was not read by its bytes', () => {
    const url = new URL('https://api.example/v1/chat/completions')
    const unread = { address: addressOf('openai', 'POST', url), body: undefined, bodyBytes: 4_000 }
    expect(describeCall(unread).input_tokens_estimate).toBe(1_000)
  })

  test('is not stopped by hostile bodies', () => {
    let deep: unknown = 'x'
    for (let depth = 0; depth < 100_000; depth++) deep = [deep]
    const wide = Array.from({ length: 300_000 }, () => ({ role: 'user' }))
    for (const content of [deep, wide, 'a'.repeat(20_000_000)]) {
      const url = new URL('https://api.example/v1/chat/completions')
      const body = { messages: [{ role: 'user', content }] }
      const { input_tokens_estimate } = describeCall({
        address: addressOf('openai', 'POST', url),
        body,
        bodyBytes: 20_000_000,
      })
      expect(Number.isSafeInteger(input_tokens_estimate)).toBe(true)
    }
  })

  test('believes nothing and never throws', () => {
    fc.assert(
      fc.property(fc.anything(), (body) => {
        const url = new URL('https://api.example/v1/chat/completions')
        const described = describeCall({ address: addressOf('openai', 'POST', url), body, bodyBytes: 10 })
        expect(described.input_tokens_estimate).toBeGreaterThanOrEqual(0)
        expect(described.choices).toBeGreaterThanOrEqual(1)
      }),
    )
  })
})
