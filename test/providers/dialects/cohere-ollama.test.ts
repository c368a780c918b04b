// Cohere's own API, v1 and v2, and Ollama's.
import { describe, expect, test } from 'vitest'
import { events, lines, readAnswer } from './read-answer.ts'

describe('Cohere', () => {
  const at = (path: string) => `https://api.cohere.com/${path}`
  const billed = { billed_units: { input_tokens: 9, output_tokens: 4 }, tokens: { input_tokens: 70, output_tokens: 6 } }
  const told = { billable: true, estimated: false, input_tokens: 9, output_tokens: 4, provider: 'cohereNative' }

  test('is billed by its billed units, in v1 and in v2', async () => {
    const v2 = { id: 'c2', finish_reason: 'COMPLETE', message: { role: 'assistant', content: [{ type: 'text', text: 'Hi' }] }, usage: billed } // prettier-ignore
    expect(await readAnswer({ url: at('v2/chat'), answer: v2 })).toMatchObject({ ...told, response_id: 'c2' })
    const v1 = { response_id: 'c1', text: 'Hi', generation_id: 'g', finish_reason: 'COMPLETE', meta: billed }
    expect(await readAnswer({ url: at('v1/chat'), answer: v1 })).toMatchObject({ ...told, response_id: 'c1' })
    const written = { id: 'c0', generations: [{ id: 'g', text: 'Hi' }], prompt: 'Say hi', meta: billed }
    expect(await readAnswer({ url: at('v1/generate'), answer: written })).toMatchObject({ ...told, response_id: 'c0' })
    const short = { id: 's', summary: 'Hi', meta: billed }
    expect(await readAnswer({ url: at('v1/summarize'), answer: short })).toMatchObject(told)
  })

  test('keeps the cached tokens apart, which may be more than those that are billed', async () => {
    const answer = { id: 'c2', message: { content: [] }, usage: { ...billed, cached_tokens: 64 } }
    expect(await readAnswer({ url: at('v2/chat'), answer })).toMatchObject({
      ...told,
      cache_read_tokens: 64,
      billed_input_tokens: 9,
    })
  })

  test('is billed by the last event of a stream, in v1 and in v2', async () => {
    const v2 = events(
      { type: 'message-start', id: 'c2', delta: { message: { role: 'assistant', content: [] } } },
      { type: 'content-delta', index: 0, delta: { message: { content: { text: 'Hi' } } } },
      { type: 'message-end', delta: { finish_reason: 'COMPLETE', usage: billed } },
    )
    expect(await readAnswer({ url: at('v2/chat'), body: { stream: true }, answer: v2 })).toMatchObject({ ...told, response_id: 'c2' }) // prettier-ignore
    const ended = { response_id: 'c1', text: 'Hi', chat_history: [{ role: 'CHATBOT', message: 'Hi' }], meta: billed }
    const v1 = [
      { is_finished: false, event_type: 'stream-start', generation_id: 'g' },
      { is_finished: false, event_type: 'text-generation', text: 'Hi' },
      { is_finished: true, event_type: 'stream-end', finish_reason: 'COMPLETE', response: ended },
    ]
    for (const answer of [lines(...v1), events(...v1)])
      expect(await readAnswer({ url: at('v1/chat'), body: { stream: true }, answer })).toMatchObject(told)
  })

  test('is estimated by the text of a stream that is cut off', async () => {
    const v2 = { type: 'content-delta', delta: { message: { content: { text: 'A few words were given. ' } } } }
    const v1 = { is_finished: false, event_type: 'text-generation', text: 'A few words were given. ' }
    const cut = [
      [at('v2/chat'), events(v2, v2)],
      [at('v1/chat'), lines(v1, v1)],
      [at('v1/generate'), lines(v1, v1)],
    ] as const
    for (const [url, answer] of cut) {
      const reading = await readAnswer({ url, body: { stream: true }, answer, broken: true })
      expect(reading, url).toMatchObject({ billable: true, estimated: true, complete: false })
      expect(reading.output_tokens, url).toBeGreaterThan(8)
    }
  })

  test('tells an error in the end of a stream, and is billed as it tells all the same', async () => {
    const end = { type: 'message-end', delta: { error: 'internal error', finish_reason: 'ERROR' } }
    const failed = await readAnswer({ url: at('v2/chat'), body: { stream: true }, answer: events(end) })
    expect(failed).toMatchObject({ billable: false, error: true, reason: 'internal error' })
    const counted = { ...end, delta: { ...end.delta, usage: billed } }
    const answer = events(counted)
    expect(await readAnswer({ url: at('v2/chat'), body: { stream: true }, answer })).toMatchObject({
      ...told,
      error: true,
    })
  })

  test('bills embeddings by tokens, those of pictures apart, and rerankings by searches', async () => {
    const embedded = {
      id: 'e',
      embeddings: { float: [[0.1]] },
      meta: { api_version: {}, billed_units: { input_tokens: 5 } },
    }
    for (const version of ['v1', 'v2'])
      expect(await readAnswer({ url: at(`${version}/embed`), answer: embedded })).toMatchObject({ estimated: false, input_tokens: 5 }) // prettier-ignore
    const seen = { id: 'e', embeddings: {}, meta: { billed_units: { images: 1, image_tokens: 258, input_tokens: 0 } } }
    expect(await readAnswer({ url: at('v2/embed'), answer: seen })).toMatchObject({
      input_tokens: 258,
      input_image_tokens: 258,
    })
    const ranked = {
      id: 'r',
      results: [{ index: 0, relevance_score: 0.5 }],
      meta: { billed_units: { search_units: 2 } },
    }
    for (const version of ['v1', 'v2'])
      expect(await readAnswer({ url: at(`${version}/rerank`), answer: ranked })).toMatchObject({ estimated: false, search_units: 2 }) // prettier-ignore
  })

  test('without billed units is estimated by its request', async () => {
    const reranked = await readAnswer({ url: at('v2/rerank'), answer: { id: 'r', results: [] } })
    expect(reranked).toMatchObject({ billable: true, estimated: true, assumed: { search_units: 1 } })
    const body = { texts: ['A dozen words or so, of which nobody tells the tokens.'] }
    const embedded = await readAnswer({ url: at('v2/embed'), body, answer: { id: 'e', embeddings: {} } })
    expect(embedded).toMatchObject({ billable: true, estimated: true })
    expect(embedded.assumed.input_tokens).toBeGreaterThan(8)
  })

  test('tokenizes for free', async () => {
    for (const path of ['v1/tokenize', 'v1/detokenize'])
      expect(await readAnswer({ url: at(path), answer: { tokens: [1] } })).toMatchObject({
        billable: false,
        unread: false,
      })
  })
})

describe('Ollama', () => {
  const at = (path: string) => `http://localhost:11434/api/${path}`
  const ended = { done: true, done_reason: 'stop', total_duration: 9, prompt_eval_count: 26, eval_count: 12 }
  const told = { billable: true, estimated: false, input_tokens: 26, output_tokens: 12, model: 'llama3.2' }
  const model = 'llama3.2'

  test('is billed by the counts of its last line', async () => {
    const chat = lines(
      { model, message: { role: 'assistant', content: 'Hi' }, done: false },
      { model, message: { role: 'assistant', content: '' }, ...ended },
    )
    expect(await readAnswer({ url: at('chat'), answer: chat })).toMatchObject(told)
    const generate = lines({ model, response: 'Hi', done: false }, { model, response: '', context: [1, 2], ...ended })
    expect(await readAnswer({ url: at('generate'), answer: generate })).toMatchObject(told)
    expect(await readAnswer({ url: at('generate'), body: { stream: false }, answer: { model, response: 'Hi', ...ended } })).toMatchObject(told) // prettier-ignore
  })

  test('does not count a prompt that is in its cache, which is estimated then', async () => {
    const body = { model, messages: [{ role: 'user', content: 'Say something kind to me, in a few words.' }] }
    const uncounted = { ...ended, prompt_eval_count: undefined }
    const reading = await readAnswer({
      url: at('chat'),
      body,
      answer: { model, message: { content: 'Hi' }, ...uncounted },
    })
    expect(reading).toMatchObject({ estimated: true, output_tokens: 12 })
    expect(reading.assumed.input_tokens).toBeGreaterThan(8)
  })

  test('is estimated by its text when it is cut off, or when an error ends it', async () => {
    const delta = { model, message: { role: 'assistant', content: 'A few words were given. ' }, done: false }
    const cut = await readAnswer({ url: at('chat'), answer: lines(delta, delta), broken: true })
    expect(cut).toMatchObject({ billable: true, estimated: true, complete: false })
    expect(cut.output_tokens).toBeGreaterThan(8)
    const failed = lines(delta, { error: 'an error was encountered while running the model' })
    expect(await readAnswer({ url: at('chat'), answer: failed })).toMatchObject({ billable: true, estimated: true, error: true }) // prettier-ignore
    expect(await readAnswer({ url: at('chat'), answer: { error: 'model not found' } })).toMatchObject({
      billable: false,
    })
  })

  test('bills embeddings by their input, which the older endpoint does not tell', async () => {
    const answer = { model, embeddings: [[0.1]], total_duration: 9, load_duration: 1, prompt_eval_count: 8 }
    expect(await readAnswer({ url: at('embed'), answer })).toMatchObject({ estimated: false, input_tokens: 8 })
    const body = { model, prompt: 'A dozen words or so, of which nobody tells the tokens.' }
    const older = await readAnswer({ url: at('embeddings'), body, answer: { embedding: [0.1] } })
    expect(older).toMatchObject({ billable: true, estimated: true })
    expect(older.assumed.input_tokens).toBeGreaterThan(8)
  })

  test('brings a model into memory, and out of it, for free', async () => {
    // docs/api.md: an empty prompt.
    for (const done_reason of ['load', 'unload']) {
      const answer = { model, message: { role: 'assistant', content: '' }, done: true, done_reason }
      expect(await readAnswer({ url: at('chat'), answer })).toMatchObject({ billable: false, error: false })
      expect(await readAnswer({ url: at('generate'), answer: { model, response: '', done: true, done_reason } })).toMatchObject({ billable: false }) // prettier-ignore
    }
  })
})
