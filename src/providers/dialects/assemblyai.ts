// AssemblyAI's transcripts: made in the background, billed by the second.
import { lastTold } from './last-told.ts'
import { usageOf } from './openai-usage.ts'

export const assemblyai = lastTold(
  { usage: ['audio_duration'], about: ['status', 'speech_model', 'speech_model_used'] },
  (told) => {
    const status = told.text('status')
    if (status === 'error') return { unbilled: 'the transcript failed' }
    if (status !== 'completed') return { pending: true }
    const input_seconds = told.quantity('audio_duration')
    return {
      usage: usageOf({ input_seconds }),
      final: input_seconds !== undefined,
      assumed: {},
      model: told.text('speech_model_used') ?? told.text('speech_model'),
      dedupe_id: told.text('id'),
    }
  },
)
