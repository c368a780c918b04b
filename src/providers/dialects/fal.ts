// fal: the result's header tells billable units, whose kind depends on the model; the body shows the images.
import { lastTold } from './last-told.ts'
import { usageOf } from './openai-usage.ts'

export const fal = lastTold({ counts: ['images'], about: ['status', 'request_id', 'image', 'video.duration'] }, (told) => {
  // The queue's answer to a submission.
  if (told.text('status')?.startsWith('IN_')) return { pending: true, dedupe_id: told.text('request_id') }
  const { call } = told
  const images = told.count('images') ?? (told.get('image') === undefined ? undefined : 1)
  return {
    usage: usageOf({
      images,
      output_seconds: told.quantity('video.duration'),
      billable_units: told.header('x-fal-billable-units'),
    }),
    final: images !== undefined || told.header('x-fal-billable-units') !== undefined,
    assumed: {},
    model: call.model,
    dedupe_id: /\/requests\/([^/]+)/.exec(call.path)?.[1] ?? null,
  }
}) // prettier-ignore
