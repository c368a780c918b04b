// Videos: made in the background, billed by the second once they are done (OpenAI, xAI).
import { lastTold } from './last-told.ts'
import { openaiUsage, usageOf } from './openai-usage.ts'

const failed = new Set(['failed', 'expired', 'cancelled'])

export const video = lastTold(
  { usage: ['seconds', 'video.duration', 'usage'], about: ['status', 'size', 'request_id'] },
  (told) => {
    const status = told.text('status')
    if (failed.has(status ?? '')) return { unbilled: `the video is ${String(status)}` }
    if (status !== 'completed' && status !== 'done')
      return { pending: true, dedupe_id: told.text('id') ?? told.text('request_id') }
    // OpenAI writes the number as a text.
    const output_seconds = told.quantity('video.duration') ?? Number(told.get('seconds') ?? Number.NaN)
    const dedupe_id = told.text('id') ?? told.text('request_id') ?? told.call.path.replace(/^.*\//, '')
    // xAI tells what it bills.
    const { cost_usd_reported } = openaiUsage(told.get('usage'), { hiddenThoughts: false, serviceTier: null })
    const usage = usageOf({ image_size: told.text('size') ?? undefined, cost_usd_reported })
    if (!Number.isFinite(output_seconds)) return { usage, assumed: { output_seconds: assumedSeconds }, dedupe_id }
    return { usage: { ...usage, output_seconds }, final: true, dedupe_id }
  },
)

/** The longest that Sora and Grok make by default. */
const assumedSeconds = 8
