// Text in formats of one provider each: watsonx, Hugging Face's inference endpoints, Aleph Alpha.
import { describe, expect, test } from 'vitest'
import { events, readAnswer } from './read-answer.ts'

describe('watsonx', () => {
  const at = (path: string) => `https://us-south.ml.cloud.ibm.com/ml/v1/${path}?version=2024-10-01`
  const model_id = 'ibm/granite-3-8b-instruct'
  const part = (generated_text: string, generated_token_count: number, input_token_count: number, stop_reason: string) =>
    ({ model_id, results: [{ generated_text, generated_token_count, input_token_count, stop_reason }] }) // prettier-ignore
  const told = { billable: true, estimated: false, input_tokens: 8, output_tokens: 11, model: model_id }

  test('is billed by its counts, also of a deployment', async () => {
    const answer = part('Hi', 11, 8, 'eos_token')
    for (const path of ['text/generation', 'deployments/mine/text/generation'])
      expect(await readAnswer({ url: at(path), answer })).toMatchObject(told)
  })

  test('counts the output as a stream runs, and the input once', async () => {
    const first = part('', 0, 8, 'not_finished')
    const second = part('A few words ', 6, 0, 'not_finished')
    const url = at('text/generation_stream')
    expect(await readAnswer({ url, answer: events(first, second, part('more.', 11, 0, 'eos_token')) })).toMatchObject(
      told,
    )
    const cut = await readAnswer({ url, answer: events(first, second), broken: true })
    expect(cut).toMatchObject({ billable: true, estimated: true, complete: false, input_tokens: 8, output_tokens: 6 })
  })

  test('chats in the format of OpenAI', async () => {
    const usage = { prompt_tokens: 8, completion_tokens: 11, total_tokens: 19 }
    const message = { role: 'assistant', content: 'Hi' }
    const whole = { id: 'w', model_id, model: model_id, choices: [{ index: 0, message, finish_reason: 'stop' }], usage }
    expect(await readAnswer({ url: at('text/chat'), answer: whole })).toMatchObject(told)
    const chunk = (choices: object[], more: object = {}) => ({ id: 'w', model_id, model: model_id, choices, ...more })
    const stream = events(
      chunk([{ index: 0, delta: { role: 'assistant', content: 'Hi' }, finish_reason: null }]),
      chunk([{ index: 0, delta: { content: '' }, finish_reason: 'stop' }]),
      chunk([], { usage }),
    )
    for (const path of ['text/chat_stream', 'deployments/mine/text/chat_stream'])
      expect(await readAnswer({ url: at(path), answer: stream })).toMatchObject(told)
  })

  test('bills embeddings and rerankings by their input, and tokenizes for free', async () => {
    const input = { billable: true, estimated: false, input_tokens: 20, model: model_id }
    const embedded = { model_id, results: [{ embedding: [0.1] }, { embedding: [0.2] }], input_token_count: 20 }
    expect(await readAnswer({ url: at('text/embeddings'), answer: embedded })).toMatchObject(input)
    const ranked = { model_id, results: [{ index: 0, score: 0.5 }], input_token_count: 20 }
    expect(await readAnswer({ url: at('text/rerank'), answer: ranked })).toMatchObject(input)
    const tokenized = { model_id, result: { token_count: 20 } }
    expect(await readAnswer({ url: at('text/tokenization'), answer: tokenized })).toMatchObject({ billable: false, unread: false }) // prettier-ignore
  })
})

// huggingface/text-generation-inference, docs/openapi.json.
describe('a Hugging Face endpoint', () => {
  const url = 'https://x1.us-east-1.aws.endpoints.huggingface.cloud/'
  const body = { inputs: 'Say something kind to me, in a few words.', stream: true }
  const token = (text: string, more: object = {}) => ({ token: { id: 5, text, logprob: -0.1, special: false }, generated_text: null, details: null, ...more }) // prettier-ignore

  test('is billed by its headers', async () => {
    const headers = { 'x-prompt-tokens': '16', 'x-generated-tokens': '75' }
    expect(await readAnswer({ url, headers, answer: [{ generated_text: 'Hi' }] })).toMatchObject({
      estimated: false,
      input_tokens: 16,
      output_tokens: 75,
    })
  })

  test('is billed by the details that were asked for, with the prompt where they tell it', async () => {
    const details = { finish_reason: 'length', generated_tokens: 20, seed: null, prefill: [], tokens: [] }
    const answer = { generated_text: 'Hi', details }
    const reading = await readAnswer({ url, body, answer })
    expect(reading).toMatchObject({ estimated: true, output_tokens: 20 })
    expect(reading.assumed.input_tokens).toBeGreaterThan(8)
    const prefill = [{ id: 1, text: 'Say', logprob: null }, { id: 2, text: ' hi', logprob: -1 }] // prettier-ignore
    const filled = { generated_text: 'Hi', details: { ...details, prefill } }
    expect(await readAnswer({ url, body, answer: filled })).toMatchObject({ estimated: false, input_tokens: 2, output_tokens: 20 }) // prettier-ignore
    const end = { finish_reason: 'eos_token', generated_tokens: 2, seed: null, input_length: 11 }
    const stream = events(token('Be'), token(' well', { generated_text: 'Be well', details: end }))
    expect(await readAnswer({ url, body, answer: stream })).toMatchObject({ estimated: false, input_tokens: 11, output_tokens: 2 }) // prettier-ignore
  })

  test('is estimated by the tokens of its stream where no details were asked for, and no text is counted twice', async () => {
    const words = ['Be', ' well', ' and', ' happy', ' today']
    const streamed = words.map((word) => token(word))
    const stream = events(...streamed, token('.', { generated_text: 'Be well and happy today.' }))
    expect(await readAnswer({ url, body, answer: stream })).toMatchObject({
      billable: true,
      estimated: true,
      output_tokens: 6,
    })
    const cut = await readAnswer({ url, body, answer: events(...streamed), broken: true })
    expect(cut).toMatchObject({ billable: true, estimated: true, complete: false, output_tokens: 5 })
  })

  test('is not billed when an error comes in place of the first token', async () => {
    const answer = events({ error: 'Request failed during generation: Server error', error_type: 'generation' })
    expect(await readAnswer({ url, body, answer })).toMatchObject({ billable: false, error: true })
  })
})

// Aleph-Alpha/aleph-alpha-client (Rust), src/http.rs and src/stream.rs.
describe('Aleph Alpha', () => {
  const at = (path: string) => `https://api.aleph-alpha.com/${path}`
  const chunk = { type: 'stream_chunk', index: 0, completion: 'A few words were given. ' }
  const counts = { num_tokens_prompt_total: 9, num_tokens_generated: 7 }

  test('is billed by its counts, in a body and at the end of a stream', async () => {
    const told = { billable: true, estimated: false, input_tokens: 9, output_tokens: 7 }
    const whole = {
      model_version: '2022-04',
      completions: [{ completion: 'Hi', finish_reason: 'end_of_text' }],
      ...counts,
    }
    expect(await readAnswer({ url: at('complete'), answer: whole })).toMatchObject(told)
    const summary = { type: 'stream_summary', index: 0, model_version: '2022-04', finish_reason: 'maximum_tokens' }
    const stream = events(chunk, summary, { type: 'completion_summary', ...counts })
    expect(await readAnswer({ url: at('complete'), answer: stream })).toMatchObject(told)
  })

  test('is estimated by the text of a stream that is cut off', async () => {
    const cut = await readAnswer({ url: at('complete'), answer: events(chunk, chunk), broken: true })
    expect(cut).toMatchObject({ billable: true, estimated: true, complete: false })
    expect(cut.output_tokens).toBeGreaterThan(8)
  })

  test('bills embeddings and evaluations by their input', async () => {
    for (const path of ['embed', 'semantic_embed', 'batch_semantic_embed', 'instructable_embed', 'evaluate'])
      expect(await readAnswer({ url: at(path), answer: { model_version: '1', num_tokens_prompt_total: 9 } }), path).toMatchObject({ estimated: false, input_tokens: 9 }) // prettier-ignore
    const body = { prompt: 'A dozen words or so, of which nobody tells the tokens.' }
    const untold = await readAnswer({ url: at('semantic_embed'), body, answer: { embedding: [0.1] } })
    expect(untold).toMatchObject({ billable: true, estimated: true })
    expect(untold.assumed.input_tokens).toBeGreaterThan(8)
  })
})
