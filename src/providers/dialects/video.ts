// Videos: made in the background, billed by the second once they are done (OpenAI, xAI).
import { lastTold } from './last-told.ts'
import { usageOf } from './openai-usage.ts'

const failed = new Set(['failed', 'expired', 'cancelled'])

export const video = lastTold(
  { usage: ['seconds', 'video.duration'], about: ['status', 'size', 'request_id'] },
  (told) => {
    const status = told.text('status')
    if (failed.has(status ?? '')) return { unbilled: `the video is ${String(status)}` }
    if (status !== 'completed' && status !== 'done') return { pending: true }
    // OpenAI writes the number as a text.
    const output_seconds = told.quantity('video.duration') ?? Number(told.get('seconds') ?? Number.NaN)
    const dedupe_id = told.text('id') ?? told.text('request_id') ?? told.call.path
    if (!Number.isFinite(output_seconds)) return { assumed: { output_seconds: assumedSeconds }, dedupe_id }
    return { usage: usageOf({ output_seconds, image_size: told.text('size') ?? undefined }), final: true, dedupe_id }
  },
)

/** The longest that Sora and Grok make by default. */
const assumedSeconds = 8
