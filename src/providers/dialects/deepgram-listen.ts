// Deepgram's speech to text: seconds, of each channel that was heard by itself.
import { fieldOf, textOf } from '../json-value.ts'
import { lastTold } from './last-told.ts'
import { usageOf } from './openai-usage.ts'

export const deepgramListen = lastTold(
  { usage: ['metadata.duration'], counts: ['results.channels'], about: ['metadata.model_info', 'metadata.request_id'] },
  (told) => {
    const duration = told.quantity('metadata.duration')
    const about = { model: modelOf(told.get('metadata.model_info')), response_id: told.text('metadata.request_id') }
    // With a callback the answer says only that it came.
    if (duration === undefined) return { ...about, assumed: told.call.requested }
    const channels = told.count('results.channels') ?? 1
    return {
      ...about,
      usage: usageOf({ input_seconds: duration, input_channels: channels > 1 ? channels : undefined }),
      final: true,
    }
  },
)

/** `{ "<uuid>": { "name": "general-nova-3", … } }` */
function modelOf(info: unknown): string | null {
  if (typeof info !== 'object' || info === null) return null
  return textOf(fieldOf(Object.values(info)[0], 'name')) ?? null
}
