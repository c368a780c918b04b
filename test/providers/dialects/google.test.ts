// Google: embeddings and images of `:predict`, operations, and interactions.
import { describe, expect, test } from 'vitest'
import { events, readAnswer } from './read-answer.ts'

const gemini = 'https://generativelanguage.googleapis.com/v1beta'
const vertex =
  'https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1/publishers/google/models'

describe('Imagen', () => {
  const url = `${gemini}/models/imagen-4.0-generate-001:predict`
  const image = { mimeType: 'image/png', bytesBase64Encoded: 'iVBORw0KGgo=' }
  // cloud.google.com, "Configure Responsible AI safety settings for Imagen"
  const filtered = { raiFilteredReason: 'Unable to show generated images.' }

  test('is billed by the images that it made', async () => {
    const told = { billable: true, estimated: false, images: 2, model: 'imagen-4.0-generate-001' }
    expect(await readAnswer({ url, answer: { predictions: [image, image] } })).toMatchObject(told)
    const stored = { mimeType: 'image/png', gcsUri: 'gs://bucket/1.png' }
    const answer = { predictions: [stored, stored] }
    expect(await readAnswer({ url: `${vertex}/imagen-4.0-generate-001:predict`, answer })).toMatchObject(told)
  })

  test('is not billed for images that a filter took out', async () => {
    expect(await readAnswer({ url, answer: { predictions: [filtered, image] } })).toMatchObject({ images: 1 })
    for (const answer of [{ predictions: [filtered] }, { predictions: [] }, {}])
      expect(await readAnswer({ url, answer })).toMatchObject({ billable: false, error: false })
  })
})

describe('an embedding', () => {
  const embedded = (token_count: number) => ({
    embeddings: { values: [0.1], statistics: { truncated: false, token_count } },
  })

  test('of Vertex counts the tokens of each text', async () => {
    const answer = { predictions: [embedded(6), embedded(9)], metadata: { billableCharacterCount: 40 } }
    const url = `${vertex}/text-embedding-005:predict`
    const reading = await readAnswer({ url, answer })
    expect(reading).toMatchObject({ estimated: false, input_tokens: 15, model: 'text-embedding-005' })
    expect(reading.output_tokens).toBeUndefined()
  })

  test('without counts is estimated by its request, and has no output', async () => {
    const body = { instances: [{ text: 'Twelve letters, or a few more than those.' }] }
    const answer = { predictions: [{ textEmbedding: [0.1, 0.2] }] }
    const vertexUrl = `${vertex}/multimodalembedding@001:predict`
    const geminiUrl = `${gemini}/models/gemini-embedding-001:batchEmbedContents`
    for (const [url, values] of [[vertexUrl, answer], [geminiUrl, { embeddings: [{ values: [0.1] }] }]] as const) {
      const reading = await readAnswer({ url, body, answer: values })
      expect(reading).toMatchObject({ billable: true, estimated: true })
      expect(reading.assumed.input_tokens).toBeGreaterThan(5)
      expect(reading.output_tokens).toBeUndefined()
    } // prettier-ignore
  })

  test('of gemini-embedding-2 tells its tokens, and those of its images', async () => {
    const usageMetadata = {
      promptTokenCount: 300,
      promptTokenDetails: [{ modality: 'TEXT', tokenCount: 42 }, { modality: 'IMAGE', tokenCount: 258 }],
    } // prettier-ignore
    const answer = { embedding: { values: [0.1] }, usageMetadata }
    const url = `${gemini}/models/gemini-embedding-2:embedContent`
    expect(await readAnswer({ url, answer })).toMatchObject({
      estimated: false,
      input_tokens: 300,
      input_image_tokens: 258,
    })
  })
})

test('Vertex answers for Mistral in Mistral’s own formats', async () => {
  const models = vertex.replace('/google/', '/mistralai/')
  const usage = { prompt_tokens: 9, completion_tokens: 4, total_tokens: 13 }
  const told = { billable: true, estimated: false, input_tokens: 9, output_tokens: 4, model: 'mistral-medium-3' }
  const choice = { index: 0, message: { role: 'assistant', content: 'Hi' }, finish_reason: 'stop' }
  const whole = { id: 'm', model: 'mistral-medium-3', choices: [choice], usage }
  expect(await readAnswer({ url: `${models}/mistral-medium-3:rawPredict`, answer: whole })).toMatchObject(told)
  const last = {
    id: 'm',
    model: 'mistral-medium-3',
    choices: [{ delta: { content: 'Hi' }, finish_reason: 'stop' }],
    usage,
  }
  expect(await readAnswer({ url: `${models}/mistral-medium-3:streamRawPredict`, answer: events(last, '[DONE]') })).toMatchObject(told) // prettier-ignore
  const pages = { pages: [{ index: 0, markdown: '# Hi' }], usage_info: { pages_processed: 3 } }
  expect(await readAnswer({ url: `${models}/mistral-ocr-2505:rawPredict`, answer: pages })).toMatchObject({ pages: 3 })
})

describe('a Veo operation', () => {
  const name = 'models/veo-3.0-generate-001/operations/abc'
  const poll = { method: 'GET', url: `${gemini}/${name}` }
  const sample = { video: { uri: `${gemini}/files/1:download?alt=media` } }
  const done = (generateVideoResponse: object) => ({
    name,
    done: true,
    response: { '@type': 't', generateVideoResponse },
  })

  test('is pending until it is done', async () => {
    const url = `${gemini}/models/veo-3.0-generate-001:predictLongRunning`
    const pending = { billable: false, pending: true, dedupe_id: name, model: 'veo-3.0-generate-001' }
    expect(await readAnswer({ url, answer: { name } })).toMatchObject(pending)
    expect(await readAnswer({ ...poll, answer: { name, metadata: {} } })).toMatchObject(pending)
    expect(await readAnswer({ ...poll, answer: { name, done: false } })).toMatchObject(pending)
  })

  test('is billed once by the seconds that Veo makes by default', async () => {
    const answer = done({ generatedSamples: [sample, sample] })
    expect(await readAnswer({ ...poll, answer })).toMatchObject({
      billable: true,
      estimated: true,
      dedupe_id: name,
      model: 'veo-3.0-generate-001',
      assumed: { output_seconds: 16 },
    })
  })

  test('of Vertex holds its videos as bytes or as addresses', async () => {
    const url = `${vertex}/veo-3.0-generate-001:fetchPredictOperation`
    const operation = 'projects/p/locations/us-central1/publishers/google/models/veo-3.0-generate-001/operations/1'
    for (const video of [{ bytesBase64Encoded: 'AAAA' }, { gcsUri: 'gs://bucket/1.mp4' }]) {
      const answer = { name: operation, done: true, response: { raiMediaFilteredCount: 0, videos: [video] } }
      expect(await readAnswer({ url, answer })).toMatchObject({ dedupe_id: operation, assumed: { output_seconds: 8 } })
    }
  })

  test('is not billed when it failed, or when a filter took all videos out', async () => {
    const failed = { name, done: true, error: { code: 13, message: 'Internal error.' } }
    const filtered = done({ raiMediaFilteredCount: 1, raiMediaFilteredReasons: ['No.'] })
    for (const answer of [failed, filtered])
      expect(await readAnswer({ ...poll, answer })).toMatchObject({ billable: false, pending: false })
  })
})

// The format is that of googleapis/js-genai, src/interactions/resources/interactions.ts (2026).
describe('an interaction', () => {
  const url = `${gemini}/interactions`
  const poll = { method: 'GET', url: `${url}/v1_abc` }
  const usage = {
    total_input_tokens: 20,
    total_output_tokens: 30,
    total_thought_tokens: 12,
    total_tool_use_tokens: 5,
    total_cached_tokens: 8,
    total_tokens: 67,
    output_tokens_by_modality: [{ modality: 'image', tokens: 25 }],
  }
  const told = {
    billable: true,
    estimated: false,
    input_tokens: 25,
    output_tokens: 42,
    cache_read_tokens: 8,
    reasoning_tokens: 12,
    output_image_tokens: 25,
    dedupe_id: 'v1_abc',
  }
  const completed = {
    id: 'v1_abc',
    status: 'completed',
    model: 'gemini-3-flash',
    service_tier: 'flex',
    steps: [],
    usage,
  }

  test('is billed once, however often it is read', async () => {
    const all = { ...told, model: 'gemini-3-flash', service_tier: 'flex' }
    expect(await readAnswer({ url, answer: completed })).toMatchObject(all)
    expect(await readAnswer({ ...poll, answer: completed })).toMatchObject(all)
    const stream = events(
      {
        event_type: 'interaction.created',
        interaction: { id: 'v1_abc', status: 'in_progress', model: 'gemini-3-flash' },
      },
      { event_type: 'step.delta', index: 0, delta: { type: 'text', text: 'Hi' } },
      { event_type: 'interaction.completed', interaction: completed },
      '[DONE]',
    )
    expect(await readAnswer({ url, body: { stream: true }, answer: stream })).toMatchObject(all)
  })

  test('in the background is pending until it has ended', async () => {
    const going = { id: 'v1_abc', status: 'in_progress', agent: 'deep-research-preview-04-2026' }
    const pending = { billable: false, pending: true, dedupe_id: 'v1_abc', model: 'deep-research-preview-04-2026' }
    expect(await readAnswer({ url, body: { background: true }, answer: going })).toMatchObject(pending)
    expect(await readAnswer({ ...poll, answer: going })).toMatchObject(pending)
    const ended = { ...completed, model: undefined, agent: 'deep-research-preview-04-2026' }
    expect(await readAnswer({ ...poll, answer: ended })).toMatchObject({ ...told, model: pending.model })
  })

  test('that failed or was cancelled is billed by what it tells, and else not', async () => {
    for (const status of ['failed', 'cancelled']) {
      const ended = { id: 'v1_abc', status, model: 'gemini-3-flash' }
      expect(await readAnswer({ ...poll, answer: ended })).toMatchObject({ billable: false, pending: false })
      expect(await readAnswer({ ...poll, answer: { ...ended, usage } })).toMatchObject(told)
    }
    const cancelled = { url: `${url}/v1_abc/cancel`, answer: { id: 'v1_abc', status: 'cancelled' } }
    expect(await readAnswer(cancelled)).toMatchObject({ billable: false, pending: false })
  })

  test('is billed by what an error’s event tells', async () => {
    const failed = { event_type: 'error', error: { code: 'internal', message: 'It broke.' } }
    const reading = await readAnswer({
      url,
      body: { stream: true },
      answer: events({ ...failed, metadata: { usage } }),
    })
    expect(reading).toMatchObject({
      billable: true,
      error: true,
      reason: 'It broke.',
      input_tokens: 25,
      output_tokens: 42,
    })
    expect(await readAnswer({ url, body: { stream: true }, answer: events(failed) })).toMatchObject({ billable: false })
  })

  test('that is cut off is estimated by its text, and at least what it told so far', async () => {
    const delta = { event_type: 'step.delta', delta: { type: 'text', text: 'A few words were given. ' } }
    const cut = { url, body: { stream: true }, broken: true }
    const plain = await readAnswer({ ...cut, answer: events(delta, delta) })
    expect(plain).toMatchObject({ billable: true, estimated: true })
    expect(plain.output_tokens).toBeGreaterThan(8)
    const sofar = { ...delta, metadata: { usage: { total_input_tokens: 20, total_output_tokens: 2 } } }
    const partly = await readAnswer({ ...cut, answer: events(sofar, delta) })
    expect(partly).toMatchObject({ estimated: true, input_tokens: 20, output_tokens: plain.output_tokens })
  })

  test('deleted or listed is free', async () => {
    expect(await readAnswer({ method: 'DELETE', url: poll.url, answer: {} })).toMatchObject({
      billable: false,
      unread: false,
    })
    expect(await readAnswer({ method: 'GET', url, answer: { interactions: [] } })).toMatchObject({ billable: false, unread: false }) // prettier-ignore
  })
})
