// Batches: many requests answered later, billed once by their sum.
import { describe, expect, test } from 'vitest'
import { lines, readAnswer } from './read-answer.ts'

const free = { billable: false, pending: false, unread: false }
const pending = { billable: false, pending: true, error: false }

describe('a batch of OpenAI', () => {
  const url = 'https://api.openai.com/v1/batches'
  const poll = { method: 'GET', url: `${url}/batch_1` }
  const usage = { input_tokens: 100, input_tokens_details: { cached_tokens: 20 }, output_tokens: 50, total_tokens: 150 }
  const batch = (status: string, more: object = {}) => ({
    id: 'batch_1',
    object: 'batch',
    status,
    model: 'gpt-5',
    ...more,
  })

  test('is pending until it has ended', async () => {
    expect(await readAnswer({ url, answer: batch('validating') })).toMatchObject(pending)
    for (const status of ['in_progress', 'finalizing', 'cancelling'])
      expect(await readAnswer({ ...poll, answer: batch(status) })).toMatchObject(pending)
  })

  test('is billed once, with the tier of its price, also when it was stopped halfway', async () => {
    for (const status of ['completed', 'expired', 'cancelled'])
      expect(await readAnswer({ ...poll, answer: batch(status, { usage }) })).toMatchObject({
        billable: true,
        estimated: false,
        dedupe_id: 'batch_1',
        model: 'gpt-5',
        input_tokens: 100,
        cache_read_tokens: 20,
        output_tokens: 50,
        service_tier: 'batch',
      })
  })

  test('that is done and tells nothing, as Groq’s and Together’s, is billed but not known', async () => {
    const states = [
      ['https://api.groq.com/openai/v1/batches/batch_1', 'completed'],
      ['https://api.together.xyz/v1/batches/batch_1', 'COMPLETED'],
    ] as const
    for (const [url, status] of states)
      expect(await readAnswer({ method: 'GET', url, answer: { id: 'batch_1', status } })).toMatchObject({
        billable: true,
        estimated: true,
        dedupe_id: 'batch_1',
        assumed: {},
      })
  })

  test('is not billed when it failed without usage, and listing them is free', async () => {
    expect(await readAnswer({ ...poll, answer: batch('failed', { usage: null }) })).toMatchObject(free)
    expect(await readAnswer({ method: 'GET', url, answer: { object: 'list', data: [] } })).toMatchObject(free)
  })
})

describe('a batch of Anthropic', () => {
  const url = 'https://api.anthropic.com/v1/messages/batches'
  const results = {
    method: 'GET',
    url: `${url}/msgbatch_1/results`,
    headers: { 'content-type': 'application/x-jsonl' },
  }
  const succeeded = (model: string, usage: object) => ({
    custom_id: 'c',
    result: {
      type: 'succeeded',
      message: { id: 'm', type: 'message', model, content: [{ type: 'text', text: '{}' }], usage },
    },
  })
  const errored = { custom_id: 'd', result: { type: 'errored', error: { type: 'error', error: { message: 'No.' } } } }
  const expired = { custom_id: 'e', result: { type: 'expired' } }

  test('is free to make, to ask after, to list and to cancel', async () => {
    const batch = { id: 'msgbatch_1', type: 'message_batch', processing_status: 'in_progress' }
    expect(await readAnswer({ url, answer: batch })).toMatchObject(free)
    expect(await readAnswer({ method: 'GET', url: `${url}/msgbatch_1`, answer: batch })).toMatchObject(free)
    expect(await readAnswer({ method: 'GET', url, answer: { data: [batch] } })).toMatchObject(free)
    expect(await readAnswer({ url: `${url}/msgbatch_1/cancel`, answer: batch })).toMatchObject(free)
  })

  test('is billed by the sum of its messages, of each model by itself', async () => {
    const answer = lines(
      succeeded('claude-opus-4-8', { input_tokens: 10, cache_read_input_tokens: 90, output_tokens: 5, inference_geo: 'us' }), // prettier-ignore
      errored,
      succeeded('claude-haiku-4-5', { input_tokens: 7, output_tokens: 3 }),
      succeeded('claude-opus-4-8', { input_tokens: 20, output_tokens: 6, inference_geo: 'us' }),
      expired,
    )
    expect(await readAnswer({ ...results, answer })).toMatchObject({
      billable: true,
      estimated: false,
      dedupe_id: 'msgbatch_1',
      model: 'claude-opus-4-8',
      input_tokens: 120,
      cache_read_tokens: 90,
      output_tokens: 11,
      inference_geo: 'us',
      service_tier: 'batch',
      sub_usage: [{ model: 'claude-haiku-4-5', input_tokens: 7, output_tokens: 3, service_tier: 'batch' }],
    })
  })

  test('is billed for the advisors that its messages asked', async () => {
    const advised = { type: 'advisor_message', model: 'claude-opus-4-8', input_tokens: 30, output_tokens: 4 }
    const message = { input_tokens: 7, output_tokens: 3, iterations: [{ type: 'message', input_tokens: 7, output_tokens: 3 }, advised] } // prettier-ignore
    const answer = lines(succeeded('claude-haiku-4-5', message), succeeded('claude-haiku-4-5', message))
    expect(await readAnswer({ ...results, answer })).toMatchObject({
      model: 'claude-haiku-4-5',
      input_tokens: 14,
      sub_usage: [{ model: 'claude-opus-4-8', input_tokens: 60, output_tokens: 8, service_tier: 'batch' }],
    })
  })

  test('is not billed when nothing in it succeeded', async () => {
    expect(await readAnswer({ ...results, answer: lines(errored, expired) })).toMatchObject(free)
  })
})
