// Speech: text that is spoken, billed by the characters of the request. The answer is sound and tells nothing, but for a header.
import type { Usage } from '../../usage.ts'
import type { Call } from '../call.ts'
import { lastTold, type Told } from './last-told.ts'
import { openaiUsage, usageOf } from './openai-usage.ts'

/** OpenAI, Cartesia, LMNT, Hume, Deepgram, ElevenLabs, xAI. */
export const speech = lastTold({ usage: ['usage'] }, (told) => {
  // Deepgram counts by itself; ElevenLabs tells its credits, which are fewer or more than the characters.
  const input_characters = told.header('dg-char-count') ?? told.call.requested.input_characters
  const counted = openaiUsage(told.get('usage'), { hiddenThoughts: false, serviceTier: null })
  const usage = usageOf({ ...counted, input_characters, credits: told.header('character-cost') })
  const final = told.get('error') === undefined && input_characters !== undefined && !lacksTokens(told, counted)
  return { usage, final, assumed: final ? null : assumedSpeech(told, input_characters) }
})

/** gpt-4o-mini-tts is billed by tokens, and tells them only with `stream_format: "sse"`. */
function lacksTokens({ call }: Told, counted: Usage): boolean {
  return isByTokens(call) && counted.output_tokens === undefined
}

function isByTokens({ model }: Call): boolean {
  return model?.startsWith('gpt-') ?? false
}

/** Readers speak some 15 characters a second. */
const charactersPerSecond = 15
/** gpt-4o-mini-tts: $12 a million audio tokens, "about $0.015 a minute" (OpenAI's model page), so 1,250 tokens a minute. */
const tokensPerSecond = 1_250 / 60

function assumedSpeech({ call }: Told, told: number | undefined): Usage {
  const characters = told ?? call.input_tokens_estimate * 4
  const output_audio_tokens = Math.ceil((characters / charactersPerSecond) * tokensPerSecond)
  return {
    ...(told === undefined ? { input_characters: characters } : {}),
    ...(isByTokens(call)
      ? { input_tokens: call.input_tokens_estimate, output_tokens: output_audio_tokens, output_audio_tokens }
      : {}),
  }
}
