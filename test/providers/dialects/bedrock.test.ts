// Bedrock: converse, and invoke in the format of each vendor, in bodies, headers and binary streams.
import { describe, expect, test } from 'vitest'
import { awsChunk, awsEvent, awsException } from '../../support/aws-messages.ts'
import { readAnswer } from './read-answer.ts'

const host = 'https://bedrock-runtime.us-east-1.amazonaws.com'
const at = (model: string, what = 'invoke') => `${host}/model/${encodeURIComponent(model)}/${what}`
const packed = { 'content-type': 'application/vnd.amazon.eventstream' }
const counted = (input: number, output?: number) => ({
  'x-amzn-bedrock-input-token-count': String(input),
  ...(output === undefined ? {} : { 'x-amzn-bedrock-output-token-count': String(output) }),
})
const metrics = { inputTokenCount: 9, outputTokenCount: 4, invocationLatency: 300, firstByteLatency: 90 }

describe('converse', () => {
  const usage = {
    inputTokens: 3,
    outputTokens: 20,
    totalTokens: 9_534,
    cacheReadInputTokens: 9_511,
    cacheReadInputTokenCount: 9_511,
    cacheWriteInputTokens: 0,
  }
  const told = { billable: true, estimated: false, input_tokens: 9_514, output_tokens: 20, cache_read_tokens: 9_511 }
  const model = 'us.anthropic.claude-sonnet-4-20250514-v1:0'

  test('is billed with the cached tokens that stand beside the input', async () => {
    const answer = {
      output: { message: { role: 'assistant', content: [{ text: 'Hi' }] } },
      stopReason: 'end_turn',
      usage,
    }
    expect(await readAnswer({ url: at(model, 'converse'), answer })).toMatchObject({ ...told, model, provider: null })
  })

  test('is billed by the last message of its stream', async () => {
    const answer = Buffer.concat([
      awsEvent('messageStart', { role: 'assistant', p: 'ab' }),
      awsEvent('contentBlockDelta', { contentBlockIndex: 0, delta: { text: 'Hi' }, p: 'abcdef' }),
      awsEvent('messageStop', { stopReason: 'end_turn', p: 'a' }),
      awsEvent('metadata', { metrics: { latencyMs: 300 }, usage, p: 'abc' }),
    ])
    expect(await readAnswer({ url: at(model, 'converse-stream'), headers: packed, answer })).toMatchObject(told)
  })

  test('is billed for what was given before an exception, and for nothing before that', async () => {
    const url = at(model, 'converse-stream')
    const delta = awsEvent('contentBlockDelta', { contentBlockIndex: 0, delta: { text: 'Some words were given.' } })
    const failed = awsException('throttlingException', 'Too many tokens, please wait.')
    const later = await readAnswer({ url, headers: packed, answer: Buffer.concat([delta, failed]) })
    expect(later).toMatchObject({ billable: true, estimated: true, error: true })
    expect(later.output_tokens).toBeGreaterThan(0)
    expect(later.reason).toContain('throttlingException')
    expect(await readAnswer({ url, headers: packed, answer: failed })).toMatchObject({ billable: false, error: true })
  })
})

describe('invoke', () => {
  test('reads each vendor’s own counts', async () => {
    const bodies = [
      ['anthropic.claude-3-haiku-20240307-v1:0', { type: 'message', content: [{ text: 'Hi' }], usage: { input_tokens: 9, output_tokens: 4 } }],
      ['amazon.titan-text-express-v1', { inputTextTokenCount: 9, results: [{ tokenCount: 4, outputText: 'Hi', completionReason: 'FINISH' }] }],
      ['amazon.nova-lite-v1:0', { output: { message: { content: [{ text: 'Hi' }] } }, usage: { inputTokens: 9, outputTokens: 4, totalTokens: 13 } }],
      ['meta.llama3-70b-instruct-v1:0', { generation: 'Hi', prompt_token_count: 9, generation_token_count: 4, stop_reason: 'stop' }],
      ['ai21.jamba-1-5-large-v1:0', { choices: [{ message: { content: 'Hi' } }], usage: { prompt_tokens: 9, completion_tokens: 4, total_tokens: 13 } }],
      ['openai.gpt-oss-120b-1:0', { choices: [{ message: { content: 'Hi' } }], usage: { prompt_tokens: 9, completion_tokens: 4, total_tokens: 13 } }],
    ] as const // prettier-ignore
    for (const [model, answer] of bodies)
      expect(await readAnswer({ url: at(model), answer }), model).toMatchObject({
        billable: true,
        estimated: false,
        input_tokens: 9,
        output_tokens: 4,
        model,
      })
  })

  test('reads Amazon’s headers where a vendor counts nothing', async () => {
    const bodies = [
      ['mistral.mistral-7b-instruct-v0:2', { outputs: [{ text: 'Hi', stop_reason: 'stop' }] }],
      ['cohere.command-r-v1:0', { response_id: 'r', text: 'Hi', generation_id: 'g', finish_reason: 'COMPLETE' }],
      ['cohere.command-text-v14', { id: 'c', generations: [{ text: 'Hi' }], prompt: 'Say hi' }],
      ['ai21.j2-ultra-v1', { id: 1, prompt: { text: 'Say hi' }, completions: [{ data: { text: 'Hi' } }] }],
      ['deepseek.r1-v1:0', { choices: [{ text: 'Hi', stop_reason: 'stop' }] }],
    ] as const
    for (const [model, answer] of bodies) {
      const told = await readAnswer({ url: at(model), headers: counted(9, 4), answer })
      expect(told, model).toMatchObject({ estimated: false, input_tokens: 9, output_tokens: 4 })
      const untold = await readAnswer({ url: at(model), answer })
      expect(untold, model).toMatchObject({ billable: true, estimated: true, output_tokens: 1 })
    }
  })

  test('counts no output of an embedding', async () => {
    const titan = { embedding: [0.1, 0.2], embeddingsByType: {}, inputTextTokenCount: 5 }
    const told = { billable: true, estimated: false, input_tokens: 5 }
    expect(await readAnswer({ url: at('amazon.titan-embed-text-v2:0'), answer: titan })).toMatchObject(told)
    const cohere = { id: 'e', embeddings: [[0.1, 0.2]], texts: ['hi'], response_type: 'embeddings_floats' }
    const url = at('cohere.embed-english-v3')
    expect(await readAnswer({ url, headers: counted(5), answer: cohere })).toMatchObject(told)
  })

  test('counts the images that were made', async () => {
    const answers = [
      ['amazon.nova-canvas-v1:0', { images: ['iVBO', 'iVBO'] }],
      ['stability.sd3-5-large-v1:0', { seeds: [1, 2], finish_reasons: [null, null], images: ['iVBO', 'iVBO'] }],
      ['stability.stable-diffusion-xl-v1', { result: 'success', artifacts: [{ seed: 1, base64: 'iVBO' }, { seed: 2, base64: 'iVBO' }] }],
    ] as const // prettier-ignore
    for (const [model, answer] of answers)
      expect(await readAnswer({ url: at(model), answer }), model).toMatchObject({ estimated: false, images: 2 })
  })
})

describe('a stream of invoke', () => {
  const url = (model: string) => at(model, 'invoke-with-response-stream')
  const read = (model: string, ...objects: readonly object[]) =>
    readAnswer({ url: url(model), headers: packed, answer: Buffer.concat(objects.map(awsChunk)) })

  test('reads each vendor’s own events, and Amazon’s metrics in the last', async () => {
    const last = { 'amazon-bedrock-invocationMetrics': metrics }
    const streams = [
      ['amazon.titan-text-express-v1', { outputText: 'Hi', index: 0, totalOutputTextTokenCount: 4, inputTextTokenCount: 9, ...last }],
      ['meta.llama3-70b-instruct-v1:0', { generation: 'Hi', prompt_token_count: 9, generation_token_count: 4, ...last }],
      ['mistral.mistral-7b-instruct-v0:2', { outputs: [{ text: 'Hi', stop_reason: 'stop' }], ...last }],
      ['cohere.command-r-v1:0', { event_type: 'stream-end', finish_reason: 'COMPLETE', ...last }],
      ['deepseek.r1-v1:0', { choices: [{ text: 'Hi', stop_reason: 'stop' }], ...last }],
      ['amazon.nova-lite-v1:0', { metadata: { usage: { inputTokens: 9, outputTokens: 4 }, metrics: {} }, ...last }],
      ['openai.gpt-oss-120b-1:0', { choices: [{ delta: {}, finish_reason: 'stop' }], ...last }],
    ] as const // prettier-ignore
    for (const [model, end] of streams)
      expect(await read(model, end), model).toMatchObject({ estimated: false, input_tokens: 9, output_tokens: 4 })
  })

  test('believes Claude before the metrics, which leave a tool’s input out', async () => {
    const reading = await read(
      'anthropic.claude-3-5-sonnet-20240620-v1:0',
      { type: 'message_start', message: { id: 'm', model: 'claude-3-5-sonnet-20240620', usage: { input_tokens: 9, output_tokens: 1 } } }, // prettier-ignore
      { type: 'content_block_delta', index: 0, delta: { type: 'input_json_delta', partial_json: '{"a":1}' } },
      { type: 'message_delta', delta: { stop_reason: 'tool_use' }, usage: { output_tokens: 7 } },
      { type: 'message_stop', 'amazon-bedrock-invocationMetrics': metrics },
    )
    expect(reading).toMatchObject({ estimated: false, input_tokens: 9, output_tokens: 7, response_id: 'm' })
  })

  test('is estimated by its text when an exception ends it', async () => {
    const model = 'mistral.mistral-7b-instruct-v0:2'
    const said = awsChunk({ outputs: [{ text: 'Some words were given before it broke.', stop_reason: null }] })
    const failed = awsException('modelStreamErrorException', 'The model broke.')
    const reading = await readAnswer({ url: url(model), headers: packed, answer: Buffer.concat([said, failed]) })
    expect(reading).toMatchObject({ billable: true, estimated: true, error: true })
    expect(reading.output_tokens).toBeGreaterThan(5)
    expect(await readAnswer({ url: url(model), headers: packed, answer: failed })).toMatchObject({ billable: false })
  })

  test('is estimated by its text when it is cut off', async () => {
    const said = awsChunk({ generation: 'Some words were given before it broke.' })
    const answer = Buffer.concat([said, said]).subarray(0, -5)
    const reading = await readAnswer({
      url: url('meta.llama3-8b-instruct-v1:0'),
      headers: packed,
      answer,
      broken: true,
    })
    expect(reading).toMatchObject({ billable: true, estimated: true, complete: false })
    expect(reading.output_tokens).toBeGreaterThan(10)
  })
})

test('counting tokens is free', async () => {
  const url = at('anthropic.claude-3-haiku-20240307-v1:0', 'count-tokens')
  expect(await readAnswer({ url, answer: { inputTokens: 9 } })).toMatchObject({ billable: false, unread: false })
})
