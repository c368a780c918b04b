// The requested usage: what a request itself tells, for answers that tell nothing (speech, images, uploads).
import type { Usage } from '../usage.ts'
import type { Dialect } from './endpoint.ts'
import { countOf, fieldOf, listOf, textOf } from './json-value.ts'

export interface RequestedInput {
  path: string
  model: string | null
  /** The parsed JSON, or the fields of a form; undefined when there is none, or it was not read. */
  body: unknown
  bodyBytes: number
}

/** By dialect; one whose answers are text and tell everything has none. */
const rows: Partial<Record<Dialect, (input: RequestedInput) => Usage>> = {
  embeddings: () => writesNothing,
  'gemini-embeddings': () => writesNothing,
  speech: ({ body }) => ({ ...writesNothing, ...spokenCharacters(body) }),
  'openai-images': picturesAsked,
  'google-predict': ({ body }) => ({ ...writesNothing, ...picturesPredicted(body) }),
  'google-operation': ({ body }) => ({
    ...writesNothing,
    output_seconds: videoSeconds * countIn(fieldOf(body, 'parameters'), 'sampleCount'),
  }),
  video: ({ body }) => ({
    ...writesNothing,
    output_seconds: Number(fieldOf(body, 'seconds') ?? fieldOf(body, 'duration')) || videoSeconds,
  }),
  luma: () => writesNothing,
  'black-forest-labs': () => ({ ...writesNothing, images: 1 }),
  fal: ({ body }) => ({ ...writesNothing, images: countIn(body, 'num_images') }),
  cohere: ({ path }) => (path.endsWith('/rerank') ? { ...writesNothing, search_units: 1 } : {}),
  'mistral-ocr': () => ({ ...writesNothing, pages: 1 }),
  transcriptions: uploadedSound,
  'elevenlabs-transcription': uploadedSound,
  'deepgram-listen': uploadedSound,
  assemblyai: () => ({ ...writesNothing, input_seconds: audioSecondsUnknown }),
  gladia: () => ({ ...writesNothing, input_seconds: audioSecondsUnknown }),
  revai: () => ({ ...writesNothing, input_seconds: audioSecondsUnknown }),
}

export function requestedUsage(dialect: Dialect, input: RequestedInput): Usage {
  return rows[dialect]?.(input) ?? tellsNothing
}

/** Of most: one for all of them. */
const tellsNothing: Usage = Object.freeze({})

/** No text comes back: none is to be held money for. */
const writesNothing: Usage = { output_tokens: 0 }

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

/** The longest that Sora, Veo and Grok make by default. */
const videoSeconds = 8

/** `parameters.sampleCount` of Imagen; an embedding has none. */
function picturesPredicted(body: unknown): Usage {
  const parameters = fieldOf(body, 'parameters')
  return fieldOf(parameters, 'sampleCount') === undefined ? {} : { images: countIn(parameters, 'sampleCount') }
}

/** How many are asked for; one where nothing is said. */
function countIn(value: unknown, key: string): number {
  return Math.max(1, countOf(Number(fieldOf(value, key) ?? 1)) ?? 1)
}

/** Tokens of a square picture of gpt-image-1 by quality (OpenAI, "Image generation", cost and latency; 2025). */
const pictureTokens = new Map([
  ['low', 272],
  ['medium', 1_056],
  ['high', 4_160],
])
const pictureTokensUsual = 1_056

function picturesAsked({ model, body }: RequestedInput): Usage {
  const images = countIn(body, 'n')
  const image_size = textOf(fieldOf(body, 'size'))
  const image_quality = textOf(fieldOf(body, 'quality'))
  const tokens = (pictureTokens.get(image_quality ?? '') ?? pictureTokensUsual) * images
  return {
    ...(model?.startsWith('gpt-') ? { output_tokens: tokens, output_image_tokens: tokens } : writesNothing),
    images,
    ...(image_size === undefined ? {} : { image_size }),
    ...(image_quality === undefined ? {} : { image_quality }),
  }
}

/** Compressed speech has from 4,000 (Opus) to 16,000 bytes a second (MP3 at 128 kbit/s), telephone and studio sound has more. */
const audioBytesPerSecond = 16_000
/** gpt-4o-transcribe: $6 a million audio tokens, "about $0.006 a minute" (OpenAI's model page), so 1,000 tokens a minute. */
const audioTokensPerSecond = 1_000 / 60

/** Where not even the size of the sound is known: it is fetched from an address, or sent without a length. */
const audioSecondsUnknown = 300

function uploadedSound({ model, body, bodyBytes }: RequestedInput): Usage {
  const isLinked = ['url', 'audio_url', 'cloud_storage_url', 'source_url'].some(
    (key) => textOf(fieldOf(body, key)) !== undefined,
  )
  const input_seconds = isLinked || bodyBytes === 0 ? audioSecondsUnknown : Math.ceil(bodyBytes / audioBytesPerSecond)
  const tokens = Math.ceil(input_seconds * audioTokensPerSecond)
  return model?.startsWith('gpt-')
    ? { ...writesNothing, input_seconds, input_tokens: tokens, input_audio_tokens: tokens }
    : { ...writesNothing, input_seconds }
}
