// Embeddings and rerankers in OpenAI's format, and in those that took it over.
import { describe, expect, test } from 'vitest'
import { readAnswer } from './read-answer.ts'

const data = [{ object: 'embedding', index: 0, embedding: [0.1, -0.2] }]

describe('an embedding', () => {
  test('is billed by its input alone', async () => {
    const usages = [
      ['https://api.openai.com/v1/embeddings', { prompt_tokens: 8, total_tokens: 8 }],
      ['https://api.mistral.ai/v1/embeddings', { prompt_tokens: 8, total_tokens: 8, completion_tokens: 0 }],
      ['https://api.voyageai.com/v1/embeddings', { total_tokens: 8 }],
      ['https://api.voyageai.com/v1/contextualizedembeddings', { total_tokens: 8 }],
      ['https://api.perplexity.ai/v1/contextualizedembeddings', { prompt_tokens: 8, total_tokens: 8 }],
      ['https://api.jina.ai/v1/embeddings', { prompt_tokens: 8, total_tokens: 8 }],
      ['https://res.openai.azure.com/openai/deployments/embedder/embeddings', { prompt_tokens: 8, total_tokens: 8 }],
    ] as const
    for (const [url, usage] of usages) {
      const reading = await readAnswer({ url, answer: { object: 'list', data, model: 'm', usage } })
      expect(reading, url).toMatchObject({ billable: true, estimated: false, input_tokens: 8, model: 'm' })
      expect(reading.output_tokens, url).toBeUndefined()
      expect(reading.total_tokens, url).toBeUndefined()
    }
  })

  test('of pictures tells their pixels', async () => {
    const answer = {
      data,
      model: 'voyage-multimodal-3',
      usage: { text_tokens: 5, image_pixels: 2_000_000, total_tokens: 3_576 },
    }
    expect(await readAnswer({ url: 'https://api.voyageai.com/v1/multimodalembeddings', answer })).toMatchObject({
      input_tokens: 3_576,
      input_image_pixels: 2_000_000,
    })
  })

  test('carries the cost that its host tells', async () => {
    const answer = { data, model: 'm', usage: { prompt_tokens: 8, total_tokens: 8, cost: 0.00000016 } }
    expect(await readAnswer({ url: 'https://openrouter.ai/api/v1/embeddings', answer })).toMatchObject({
      input_tokens: 8,
      cost_usd_reported: 0.00000016,
    })
  })

  test('without usage is estimated by its request', async () => {
    const body = { model: 'm', input: ['A dozen words or so, of which nobody tells how many tokens they are.'] }
    const reading = await readAnswer({ url: 'https://api.openai.com/v1/embeddings', body, answer: { data } })
    expect(reading).toMatchObject({ billable: true, estimated: true })
    expect(reading.assumed.input_tokens).toBeGreaterThan(10)
  })

  test('is not billed when an error comes in its place', async () => {
    const answer = { error: { message: 'The model is overloaded.' } }
    expect(await readAnswer({ url: 'https://api.openai.com/v1/embeddings', answer })).toMatchObject({
      billable: false,
      error: true,
      reason: 'The model is overloaded.',
    })
  })
})

test('a reranking is billed by its tokens', async () => {
  const results = [{ index: 0, relevance_score: 0.5 }]
  const usages = [
    ['https://api.voyageai.com/v1/rerank', { total_tokens: 815 }],
    ['https://api.jina.ai/v1/rerank', { total_tokens: 815 }],
    ['https://api.together.xyz/v1/rerank', { prompt_tokens: 815, completion_tokens: 0, total_tokens: 815 }],
  ] as const
  for (const [url, usage] of usages) {
    const reading = await readAnswer({ url, answer: { object: 'list', model: 'm', results, usage } })
    expect(reading, url).toMatchObject({ billable: true, estimated: false, input_tokens: 815 })
    expect(reading.output_tokens, url).toBeUndefined()
  }
})
