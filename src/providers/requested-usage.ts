// The requested usage: what a request itself tells, for answers that tell nothing (speech, images, uploads).
import type { Usage } from '../usage.ts'
import type { Dialect } from './endpoint.ts'
import { fieldOf, listOf, textOf } from './json-value.ts'

export interface RequestedInput {
  /** The parsed JSON, or the fields of a form; undefined when there is none, or it was not read. */
  body: unknown
  bodyBytes: number
}

/** By dialect; a dialect whose answers tell everything has none. */
const rows: Partial<Record<Dialect, (input: RequestedInput) => Usage>> = {
  speech: ({ body }) => spokenCharacters(body),
  'openai-images': ({ body }) => pictureAsked(body),
  transcriptions: uploadedSeconds,
  'elevenlabs-transcription': uploadedSeconds,
  'deepgram-listen': uploadedSeconds,
}

export function requestedUsage(dialect: Dialect, input: RequestedInput): Usage {
  return rows[dialect]?.(input) ?? {}
}

/** Where the text to be spoken stands: OpenAI; ElevenLabs, LMNT and Deepgram; Cartesia. */
const spokenKeys = ['input', 'text', 'transcript'] as const

function spokenCharacters(body: unknown): Usage {
  const one = spokenKeys.map((key) => textOf(fieldOf(body, key))).filter((text) => text !== undefined)
  // Hume's utterances, ElevenLabs' dialogue.
  const parts = [...listOf(fieldOf(body, 'utterances')), ...listOf(fieldOf(body, 'inputs'))]
  const texts = [...one, ...parts.flatMap((part) => textOf(fieldOf(part, 'text')) ?? [])]
  if (texts.length === 0) return {}
  return { input_characters: texts.reduce((sum, text) => sum + codePoints(text), 0) }
}

/** A character is a code point, not a unit of UTF-16. */
function codePoints(text: string): number {
  let count = text.length
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code >= 0xd800 && code < 0xdc00) count--
  }
  return count
}

function pictureAsked(body: unknown): Usage {
  const image_size = textOf(fieldOf(body, 'size'))
  const image_quality = textOf(fieldOf(body, 'quality'))
  return { ...(image_size === undefined ? {} : { image_size }), ...(image_quality === undefined ? {} : { image_quality }) }
} // prettier-ignore

/** Compressed speech has from 4,000 (Opus) to 16,000 bytes a second (MP3 at 128 kbit/s), telephone and studio sound has more. */
const audioBytesPerSecond = 16_000

function uploadedSeconds({ bodyBytes }: RequestedInput): Usage {
  return bodyBytes === 0 ? {} : { input_seconds: Math.ceil(bodyBytes / audioBytesPerSecond) }
}
