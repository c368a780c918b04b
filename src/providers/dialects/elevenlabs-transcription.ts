// ElevenLabs' speech to text.
import { lastTold } from './last-told.ts'
import { usageOf } from './openai-usage.ts'

export const elevenlabsTranscription = lastTold({ usage: ['audio_duration_secs'], about: ['words.end'] }, (told) => {
  const input_seconds = told.quantity('audio_duration_secs')
  // The end of the last word is a lower bound of what was heard.
  const heard = told.quantity('words.end')
  return {
    usage: usageOf({ input_seconds, credits: told.header('character-cost') }),
    final: input_seconds !== undefined,
    assumed: heard === undefined ? told.call.requested : { input_seconds: heard },
  }
})
