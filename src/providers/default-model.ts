// Default models: what a request gets that names none, where its answer does not say either.
import type { Dialect } from './endpoint.ts'
import type { ProviderFamily } from './provider.ts'

interface DefaultModel {
  family: ProviderFamily
  /** Absent: all of the family's. */
  dialect?: Dialect
  model: string
}

const rows: readonly DefaultModel[] = [
  // elevenlabs.io/docs/api-reference/text-to-speech/convert, `model_id`, 2026.
  { family: 'elevenlabs', dialect: 'speech', model: 'eleven_multilingual_v2' },
  // docs.lmnt.com/api-reference/speech/synthesize-speech-bytes, `model`, 2026.
  { family: 'lmnt', model: 'blizzard' },
  // developers.deepgram.com/reference/text-to-speech-api, `model`, 2026.
  { family: 'deepgram', dialect: 'speech', model: 'aura-asteria-en' },
  // assemblyai.com/docs/api-reference/transcripts/submit, `speech_model`: Universal unless told, 2026.
  { family: 'assemblyai', model: 'universal' },
  // docs.gladia.io: Solaria-1 is its one model, 2026.
  { family: 'gladia', model: 'solaria-1' },
  // docs.rev.ai/api/asynchronous/reference, `transcriber`: `machine`, which is Reverb, 2026.
  { family: 'revai', model: 'reverb' },
]

export function defaultModel(family: ProviderFamily | null, dialect: Dialect | null): string | null {
  const fits = (row: DefaultModel) => row.family === family && (row.dialect === undefined || row.dialect === dialect)
  return dialect === null ? null : (rows.find(fits)?.model ?? null)
}

/** Dialects whose answers do not name their model: a request that names none can't be priced. */
const namelessAnswers: ReadonlySet<Dialect> = new Set<Dialect>([
  'bedrock-converse', 'black-forest-labs', 'cohere', 'elevenlabs-transcription', 'gemini-embeddings', 'google-operation',
  'google-predict', 'huggingface', 'openai-images', 'speech', 'transcriptions',
]) // prettier-ignore

export function namesItsModel(dialect: Dialect): boolean {
  return !namelessAnswers.has(dialect)
}
