// Transcriptions in OpenAI's format: tokens, seconds, or nothing but the text.
import { fieldOf, quantityOf } from '../json-value.ts'
import { lastTold } from './last-told.ts'
import { openaiUsage, usageOf } from './openai-usage.ts'

/** OpenAI, Groq, Mistral, Cartesia, xAI. The formats `text`, `srt` and `vtt` tell nothing. */
export const transcriptions = lastTold({ usage: ['usage', 'duration'] }, (told) => {
  const usage = told.get('usage')
  const counted = openaiUsage(usage, { hiddenThoughts: false, serviceTier: null })
  const input_seconds =
    quantityOf(fieldOf(usage, 'seconds')) ??
    quantityOf(fieldOf(usage, 'prompt_audio_seconds')) ??
    told.quantity('duration')
  const found = usageOf({ ...counted, input_seconds })
  const final = counted.input_tokens !== undefined || input_seconds !== undefined
  return { usage: found, final, assumed: final ? null : told.call.requested }
})
