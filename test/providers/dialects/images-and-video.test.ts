// Images and videos in OpenAI's formats, also at xAI, and Mistral's pages.
import { describe, expect, test } from 'vitest'
import { events, readAnswer } from './read-answer.ts'

const openai = 'https://api.openai.com/v1'
const picture = { b64_json: 'iVBORw0KGgo=' }

describe('an image', () => {
  const usage = {
    input_tokens: 50,
    input_tokens_details: { text_tokens: 10, image_tokens: 40 },
    output_tokens: 4_160,
    total_tokens: 4_210,
  }
  const told = {
    billable: true,
    estimated: false,
    input_tokens: 50,
    input_image_tokens: 40,
    output_tokens: 4_160,
    output_image_tokens: 4_160,
    image_size: '1024x1024',
    image_quality: 'high',
  }

  test('of gpt-image is billed by tokens, made or edited', async () => {
    const answer = { created: 1, size: '1024x1024', quality: 'high', data: [picture, picture], usage }
    for (const path of ['generations', 'edits'])
      expect(await readAnswer({ url: `${openai}/images/${path}`, body: { model: 'gpt-image-1', n: 2 }, answer })).toMatchObject({ ...told, images: 2, model: 'gpt-image-1' }) // prettier-ignore
  })

  test('that streams is billed by its last event, and not by those that show it as it grows', async () => {
    const about = { b64_json: 'iVBORw0KGgo=', size: '1024x1024', quality: 'high' }
    for (const type of ['image_generation', 'image_edit']) {
      const partial = { type: `${type}.partial_image`, partial_image_index: 0, ...about }
      const exchange = { url: `${openai}/images/generations`, body: { model: 'gpt-image-1', stream: true } }
      const answer = events(partial, partial, { type: `${type}.completed`, ...about, usage })
      expect(await readAnswer({ ...exchange, answer })).toMatchObject({ ...told, images: 1 })
      const cut = await readAnswer({ ...exchange, answer: events(partial), broken: true })
      expect(cut).toMatchObject({ billable: true, estimated: true, complete: false, assumed: { output_tokens: 1_056 } })
    }
  })

  test('of gpt-image-1.5 tells its text and its pixels apart', async () => {
    const mixed = { ...usage, output_tokens_details: { image_tokens: 4_000, text_tokens: 160 } }
    const answer = { created: 1, size: '1024x1024', quality: 'high', data: [picture], usage: mixed }
    expect(
      await readAnswer({ url: `${openai}/images/generations`, body: { model: 'gpt-image-1.5' }, answer }),
    ).toMatchObject({
      output_tokens: 4_160,
      output_image_tokens: 4_000,
    })
  })

  test('of DALL·E is counted, in the size and quality that were asked for', async () => {
    const body = { model: 'dall-e-3', prompt: 'a cat', size: '1792x1024', quality: 'hd', n: 1 }
    const answer = { created: 1, data: [{ url: 'https://cdn.example/1.png', revised_prompt: 'a cat' }] }
    const asked = { images: 1, image_size: '1792x1024', image_quality: 'hd' }
    expect(await readAnswer({ url: `${openai}/images/generations`, body, answer })).toMatchObject({ estimated: false, ...asked }) // prettier-ignore
    const varied = {
      url: `${openai}/images/variations`,
      body: 'a form',
      answer: { data: [{ url: 'u' }, { url: 'v' }] },
    }
    expect(await readAnswer(varied)).toMatchObject({ estimated: false, images: 2 })
  })

  test('of xAI tells its cost', async () => {
    // docs.x.ai: 1e10 ticks are a dollar.
    const answer = { data: [{ url: 'u' }], usage: { cost_in_usd_ticks: 200_000_000 } }
    expect(await readAnswer({ url: 'https://api.x.ai/v1/images/generations', body: { model: 'grok-2-image' }, answer })).toMatchObject({ images: 1, cost_usd_reported: 0.02 }) // prettier-ignore
  })

  test('is not billed when an error comes in its place', async () => {
    const answer = { error: { message: 'Your request was rejected by the safety system.', code: 'moderation_blocked' } }
    for (const body of [answer, events({ type: 'error', ...answer })])
      expect(await readAnswer({ url: `${openai}/images/generations`, body: { model: 'gpt-image-1' }, answer: body })).toMatchObject({ billable: false, error: true }) // prettier-ignore
  })
})

describe('a video', () => {
  const url = `${openai}/videos`
  const poll = { method: 'GET', url: `${url}/video_1` }
  const sora = (status: string) => ({ id: 'video_1', object: 'video', model: 'sora-2', status, progress: 0, seconds: '8', size: '1280x720' }) // prettier-ignore

  test('is pending until it is made', async () => {
    for (const status of ['queued', 'in_progress']) {
      expect(await readAnswer({ url, answer: sora(status) })).toMatchObject({ billable: false, pending: true })
      expect(await readAnswer({ ...poll, answer: sora(status) })).toMatchObject({ billable: false, pending: true })
    }
    expect(await readAnswer({ url: `${url}/video_1/remix`, answer: sora('queued') })).toMatchObject({ pending: true })
  })

  test('is billed once by its seconds and its size', async () => {
    expect(await readAnswer({ ...poll, answer: sora('completed') })).toMatchObject({
      billable: true,
      estimated: false,
      dedupe_id: 'video_1',
      model: 'sora-2',
      output_seconds: 8,
      image_size: '1280x720',
    })
  })

  test('is not billed when it failed, and free to list, to fetch and to delete', async () => {
    const failed = { ...sora('failed'), error: { code: 'moderation_blocked', message: 'No.' } }
    expect(await readAnswer({ ...poll, answer: failed })).toMatchObject({ billable: false, pending: false })
    for (const [method, path] of [['GET', url], ['GET', `${poll.url}/content`], ['DELETE', poll.url]] as const)
      expect(await readAnswer({ method, url: path, answer: 'bytes' })).toMatchObject({ billable: false, unread: false }) // prettier-ignore
  })

  test('of xAI is asked after by the id of its request, and tells its cost', async () => {
    // docs.x.ai, "Video Generation"
    const base = 'https://api.x.ai/v1/videos'
    for (const path of ['generations', 'edits', 'extensions'])
      expect(await readAnswer({ url: `${base}/${path}`, answer: { request_id: 'x1' } })).toMatchObject({
        pending: true,
      })
    const asked = { method: 'GET', url: `${base}/x1` }
    expect(await readAnswer({ ...asked, status: 202, answer: { status: 'pending', progress: 10 } })).toMatchObject({ pending: true }) // prettier-ignore
    const made = {
      status: 'done',
      video: { url: 'u', duration: 6, respect_moderation: true },
      model: 'grok-imagine-video',
      usage: { cost_in_usd_ticks: 3_000_000_000 },
    }
    expect(await readAnswer({ ...asked, answer: made })).toMatchObject({
      billable: true,
      estimated: false,
      dedupe_id: 'x1',
      model: 'grok-imagine-video',
      output_seconds: 6,
      cost_usd_reported: 0.3,
    })
    for (const status of ['failed', 'expired'])
      expect(await readAnswer({ ...asked, answer: { status } })).toMatchObject({ billable: false, pending: false })
  })

  test('without its length is estimated by what is made by default', async () => {
    const answer = { id: 'video_1', status: 'completed', model: 'sora-2' }
    expect(await readAnswer({ ...poll, answer })).toMatchObject({ estimated: true, assumed: { output_seconds: 8 } })
  })
})

test('Mistral’s pages are counted by Mistral, else by what came', async () => {
  const url = 'https://api.mistral.ai/v1/ocr'
  const page = { index: 0, markdown: '# Hi', images: [], dimensions: { dpi: 200, height: 1, width: 1 } }
  const pages = [page, page]
  const told = { pages, model: 'mistral-ocr-2505', usage_info: { pages_processed: 3, doc_size_bytes: 9 } }
  expect(await readAnswer({ url, answer: told })).toMatchObject({
    estimated: false,
    pages: 3,
    model: 'mistral-ocr-2505',
  })
  expect(await readAnswer({ url, answer: { pages } })).toMatchObject({ estimated: false, pages: 2 })
})
