// Speech: text that is spoken, billed by the characters of the request. The answer is sound and tells nothing, but for a header.
import { errorMessageOf } from '../json-value.ts'
import type { Usage } from '../../usage.ts'
import type { Call } from '../call.ts'
import { lastTold, type Told } from './last-told.ts'
import { openaiUsage, usageOf } from './openai-usage.ts'

/** OpenAI, Mistral, Cartesia, LMNT, Hume, Deepgram, ElevenLabs, xAI. */
export const speech = lastTold({ usage: ['usage'], about: ['type', 'message'] }, (told) => {
  const error = errorOf(told)
  // Deepgram counts by itself; ElevenLabs tells its credits, which are fewer or more than the characters.
  const input_characters = told.header('dg-char-count') ?? told.call.requested.input_characters
  const tokens = spokenTokens(told.get('usage'))
  const usage = usageOf({ ...tokens, input_characters, credits: told.header('character-cost') })
  const counted = isByTokens(told.call) ? tokens.output_tokens : (input_characters ?? tokens.output_tokens)
  const final = error === null && counted !== undefined
  return { usage, final, error, assumed: final ? null : assumedSpeech(told, usage) }
})

/** Cartesia's events say flat that they are an error: {"type":"error","title":…,"message":…} (its "API errors", 2026-03-01). */
function errorOf(told: Told): string | null {
  const flat = told.text('type') === 'error' ? (told.text('message') ?? 'error') : undefined
  return errorMessageOf(told.get('error') ?? flat) ?? null
}

/** All that is written is sound. */
function spokenTokens(told: unknown): Usage {
  const counted = openaiUsage(told, { hiddenThoughts: false, serviceTier: null })
  return usageOf({ ...counted, output_audio_tokens: counted.output_audio_tokens ?? counted.output_tokens })
}

/** gpt-4o-mini-tts is billed by tokens, and tells them only with `stream_format: "sse"`. */
function isByTokens({ model }: Call): boolean {
  return model?.startsWith('gpt-') ?? false
}

/** Readers speak some 15 characters a second. */
const charactersPerSecond = 15
/** gpt-4o-mini-tts: $12 a million audio tokens, "about $0.015 a minute" (OpenAI's model page), so 1,250 tokens a minute. */
const tokensPerSecond = 1_250 / 60

function assumedSpeech({ call }: Told, { input_characters }: Usage): Usage {
  const characters = input_characters ?? call.input_tokens_estimate * 4
  const output_audio_tokens = Math.ceil((characters / charactersPerSecond) * tokensPerSecond)
  return {
    ...(input_characters === undefined ? { input_characters: characters } : {}),
    ...(isByTokens(call)
      ? { input_tokens: call.input_tokens_estimate, output_tokens: output_audio_tokens, output_audio_tokens }
      : {}),
  }
}
