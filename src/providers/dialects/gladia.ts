// Gladia's transcriptions: billed by `billing_time`, the audio's duration times its channels.
import { lastTold } from './last-told.ts'
import { usageOf } from './openai-usage.ts'

export const gladia = lastTold(
  {
    usage: ['result.metadata.billing_time', 'result.metadata.audio_duration'],
    about: ['status', 'request_params.model'],
  },
  (told) => {
    const status = told.text('status')
    if (status === 'error') return { unbilled: 'the transcription failed' }
    if (status !== 'done') return { pending: true }
    const input_seconds =
      told.quantity('result.metadata.billing_time') ?? told.quantity('result.metadata.audio_duration')
    return {
      usage: usageOf({ input_seconds }),
      final: input_seconds !== undefined,
      assumed: {},
      model: told.text('request_params.model') ?? told.text('model'),
      dedupe_id: told.text('id'),
    }
  },
)
