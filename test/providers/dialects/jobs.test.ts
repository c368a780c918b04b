// Jobs: images, videos and texts made in the background, submitted, asked after, and billed once when they are done.
import { describe, expect, test } from 'vitest'
import { readAnswer } from './read-answer.ts'

const free = { billable: false, pending: false, unread: false }
const pending = { billable: false, pending: true, error: false }

describe('a prediction of Replicate', () => {
  const url = 'https://api.replicate.com/v1/models/meta/meta-llama-3-70b-instruct/predictions'
  const poll = { method: 'GET', url: 'https://api.replicate.com/v1/predictions/r1' }
  const prediction = (status: string, metrics?: object) => ({
    id: 'r1',
    model: 'meta/meta-llama-3-70b-instruct',
    version: 'hidden',
    status,
    output: ['Hi'],
    error: null,
    metrics,
  })

  test('is pending until it has ended, whether or not one waits for it', async () => {
    for (const status of ['starting', 'processing']) {
      expect(await readAnswer({ url, status: 201, answer: prediction(status) })).toMatchObject(pending)
      expect(await readAnswer({ ...poll, answer: prediction(status, {}) })).toMatchObject(pending)
    }
  })

  test('is billed once by its tokens, also when the submission waited for them', async () => {
    const metrics = { input_token_count: 18, output_token_count: 5, predict_time: 0.9, time_to_first_token: 0.1 }
    const told = {
      billable: true,
      estimated: false,
      dedupe_id: 'r1',
      model: 'meta/meta-llama-3-70b-instruct',
      input_tokens: 18,
      output_tokens: 5,
      output_seconds: 0.9,
    }
    expect(await readAnswer({ url, status: 201, answer: prediction('succeeded', metrics) })).toMatchObject(told)
    expect(await readAnswer({ ...poll, answer: prediction('succeeded', metrics) })).toMatchObject(told)
    const billing = { token_input_count: 18, token_output_count: 5, predict_time: 0.9 }
    expect(await readAnswer({ ...poll, answer: prediction('succeeded', billing) })).toMatchObject(told)
  })

  test('is billed by what was made before the time that it took', async () => {
    const video = { predict_time: 88.3, video_output_count: 1, video_output_duration_seconds: 10 }
    expect(await readAnswer({ ...poll, answer: prediction('succeeded', video) })).toMatchObject({ output_seconds: 10 })
    for (const name of ['image_count', 'image_output_count']) {
      const answer = prediction('succeeded', { predict_time: 1.5, [name]: 2 })
      expect(await readAnswer({ ...poll, answer })).toMatchObject({ images: 2 })
    }
  })

  test('is billed for the time that it ran before it was canceled or failed, and else not', async () => {
    for (const status of ['canceled', 'failed'])
      expect(await readAnswer({ ...poll, answer: prediction(status, { predict_time: 3.2 }) })).toMatchObject({
        billable: true,
        dedupe_id: 'r1',
        output_seconds: 3.2,
      })
    // replicate.com/docs, "Prediction lifecycle": aborted is what never started.
    for (const status of ['canceled', 'failed', 'aborted'])
      expect(await readAnswer({ ...poll, answer: prediction(status) })).toMatchObject(free)
  })

  test('is free to list, as trainings and models are', async () => {
    for (const path of ['predictions', 'trainings', 'models/meta/meta-llama-3-70b-instruct']) {
      const exchange = { method: 'GET', url: `https://api.replicate.com/v1/${path}`, answer: { results: [] } }
      expect(await readAnswer(exchange)).toMatchObject(free)
    }
  })
})

describe('a request of fal', () => {
  const submission = 'https://queue.fal.run/fal-ai/flux/dev'
  const result = { method: 'GET', url: 'https://queue.fal.run/fal-ai/flux/requests/q1' }
  const image = { url: 'https://cdn.example/1.png', width: 1024, height: 1024 }

  test('is pending when it is submitted, and free to ask after', async () => {
    const answer = { status: 'IN_QUEUE', request_id: 'q1', queue_position: 0 }
    expect(await readAnswer({ url: submission, answer })).toMatchObject(pending)
    for (const status of ['IN_QUEUE', 'IN_PROGRESS', 'COMPLETED']) {
      const asked = { method: 'GET', url: `${result.url}/status`, answer: { status, request_id: 'q1' } }
      expect(await readAnswer(asked)).toMatchObject(free)
    }
    expect(await readAnswer({ method: 'PUT', url: `${result.url}/cancel`, answer: { status: 'CANCELLATION_REQUESTED' } })).toMatchObject(free) // prettier-ignore
  })

  test('is billed by fal’s own units, and shows its images and its seconds', async () => {
    const headers = { 'x-fal-billable-units': '2' }
    const told = { billable: true, estimated: false, billable_units: 2 }
    const two = { ...result, headers, answer: { images: [image, image], prompt: 'a cat' } }
    expect(await readAnswer(two)).toMatchObject({ ...told, images: 2, dedupe_id: 'q1', model: 'fal-ai/flux' })
    const atOnce = { url: 'https://fal.run/fal-ai/flux/schnell', headers, answer: { image } }
    expect(await readAnswer(atOnce)).toMatchObject({
      ...told,
      images: 1,
      model: 'fal-ai/flux/schnell',
      dedupe_id: null,
    })
    const video = {
      ...result,
      headers: { 'x-fal-billable-units': '3.008' },
      answer: { video: { url: 'u', duration: 3 } },
    }
    expect(await readAnswer(video)).toMatchObject({ billable: true, billable_units: 3.008, output_seconds: 3 })
    expect(
      await readAnswer({ ...result, url: `${result.url}/response`, headers, answer: { text: 'Hi' } }),
    ).toMatchObject(told)
  })

  test('without units or anything to count is billed, but not known', async () => {
    expect(await readAnswer({ ...result, answer: { text: 'Hi' } })).toMatchObject({ billable: true, estimated: true })
  })
})

describe('an image of Black Forest Labs', () => {
  const url = 'https://api.bfl.ai/v1/flux-2-pro'
  const poll = { method: 'GET', url: 'https://api.bfl.ai/v1/get_result?id=b1' }

  test('is pending until it is ready, in whatever state', async () => {
    const submitted = { id: 'b1', polling_url: poll.url, cost: 3, input_mp: 0, output_mp: 1 }
    expect(await readAnswer({ url, answer: submitted })).toMatchObject(pending)
    for (const status of ['Pending', 'Reasoning', 'Generating'])
      expect(await readAnswer({ ...poll, answer: { id: 'b1', status, result: null } })).toMatchObject(pending)
  })

  test('is billed once', async () => {
    const answer = {
      id: 'b1',
      status: 'Ready',
      result: { sample: 'https://delivery.example/1.jpeg?sig=a.mp4x', seed: 1 },
    }
    expect(await readAnswer({ ...poll, answer })).toMatchObject({ billable: true, estimated: false, images: 1, dedupe_id: 'b1' }) // prettier-ignore
  })

  test('is not billed when it failed or was moderated', async () => {
    for (const status of ['Error', 'Failed', 'Request Moderated', 'Content Moderated', 'Task not found'])
      expect(await readAnswer({ ...poll, answer: { id: 'b1', status, result: null } })).toMatchObject(free)
  })

  test('that is a video is no image', async () => {
    const answer = { id: 'b1', status: 'Ready', result: { sample: 'https://delivery.example/1.mp4?sig=a' } }
    const reading = await readAnswer({ ...poll, answer })
    expect(reading).toMatchObject({ billable: true, estimated: true, dedupe_id: 'b1' })
    expect(reading.images).toBeUndefined()
  })
})

describe('a generation of Luma', () => {
  const url = 'https://api.lumalabs.ai/dream-machine/v1/generations'
  const poll = { method: 'GET', url: `${url}/l1` }
  const request = { generation_type: 'video', model: 'ray-2', duration: '9s', resolution: '720p' }
  const video = (state: string, more: object = {}) => ({
    id: 'l1',
    generation_type: 'video',
    state,
    model: 'ray-2',
    request,
    ...more,
  })

  test('is pending until it has ended', async () => {
    expect(await readAnswer({ url, status: 201, answer: video('queued', { assets: null }) })).toMatchObject(pending)
    expect(await readAnswer({ ...poll, answer: video('dreaming', { assets: null }) })).toMatchObject(pending)
  })

  test('is billed once, by its seconds and its size, or as an image', async () => {
    const assets = { video: 'https://cdn.example/1.mp4', image: 'https://cdn.example/1.jpg' }
    expect(await readAnswer({ ...poll, answer: video('completed', { assets }) })).toMatchObject({
      billable: true,
      estimated: false,
      dedupe_id: 'l1',
      model: 'ray-2',
      output_seconds: 9,
      image_size: '720p',
    })
    const image = {
      id: 'l1',
      generation_type: 'image',
      state: 'completed',
      assets: { image: 'https://cdn.example/1.jpg' },
    }
    expect(await readAnswer({ ...poll, answer: image })).toMatchObject({ images: 1, dedupe_id: 'l1' })
  })

  test('is estimated where its length is not told, and not billed when it failed', async () => {
    const answer = video('completed', { assets: { video: 'u' }, request: {} })
    expect(await readAnswer({ ...poll, answer })).toMatchObject({ estimated: true, assumed: { output_seconds: 5 } })
    expect(await readAnswer({ ...poll, answer: video('failed', { failure_reason: 'No.' }) })).toMatchObject(free)
    expect(await readAnswer({ method: 'GET', url, answer: { generations: [] } })).toMatchObject(free)
  })
})
