// Luma's generations: an image, or a video of so many seconds, made in the background.
import { lastTold } from './last-told.ts'
import { usageOf } from './openai-usage.ts'

export const luma = lastTold(
  { about: ['state', 'generation_type', 'request.duration', 'request.resolution', 'assets.image', 'assets.video'] },
  (told) => {
    const state = told.text('state')
    if (state === 'failed') return { unbilled: 'the generation failed' }
    if (state !== 'completed') return { pending: true }
    const dedupe_id = told.text('id')
    const isImage = told.text('generation_type') === 'image' || told.text('assets.image') !== null
    if (isImage && told.text('assets.video') === null) return { usage: { images: 1 }, final: true, dedupe_id }
    // "5s"
    const output_seconds = Number.parseFloat(told.text('request.duration') ?? '')
    const usage = usageOf({ image_size: told.text('request.resolution') ?? undefined })
    if (Number.isFinite(output_seconds)) return { usage: { ...usage, output_seconds }, final: true, dedupe_id }
    return { usage, assumed: { output_seconds: secondsPerVideo }, dedupe_id }
  },
)

/** What a request without a duration gets (docs.lumalabs.ai). */
const secondsPerVideo = 5
