// Replicate's predictions: billed when they have ended, by tokens or by the seconds that they ran.
import { lastTold } from './last-told.ts'
import { usageOf } from './openai-usage.ts'

const running = new Set(['starting', 'processing'])

export const replicate = lastTold(
  {
    usage: [
      'metrics.predict_time', 'metrics.input_token_count', 'metrics.output_token_count', 'metrics.token_input_count',
      'metrics.token_output_count', 'metrics.image_count', 'metrics.image_output_count',
      'metrics.video_output_duration_seconds', 'metrics.audio_output_duration_seconds',
    ], // prettier-ignore
    about: ['status', 'version'],
  },
  (told) => {
    const status = told.text('status')
    if (status === null || running.has(status)) return { pending: true }
    const usage = usageOf({
      // The language models' own names, and those of cog's billing metrics (replicate/cog, 2025).
      input_tokens: told.count('metrics.input_token_count') ?? told.count('metrics.token_input_count'),
      output_tokens: told.count('metrics.output_token_count') ?? told.count('metrics.token_output_count'),
      images: told.count('metrics.image_count') ?? told.count('metrics.image_output_count'),
      // Of what was made, where it is billed by that; else of the machine.
      output_seconds:
        told.quantity('metrics.video_output_duration_seconds') ??
        told.quantity('metrics.audio_output_duration_seconds') ??
        told.quantity('metrics.predict_time'),
    })
    const final = Object.keys(usage).length > 0
    return {
      usage,
      final,
      // One that never ran is not billed.
      unbilled: final || status === 'succeeded' ? null : `the prediction is ${status}`,
      assumed: {},
      dedupe_id: told.text('id'),
    }
  },
)
