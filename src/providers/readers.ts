// The readers, one a dialect. A new dialect is a file in dialects/, a row here, and its paths in endpoint.ts.
import type { ReaderRow } from './answer-reader.ts'
import type { Call } from './call.ts'
import { alephAlpha } from './dialects/aleph-alpha.ts'
import { anthropicBatch } from './dialects/anthropic-batch.ts'
import { anthropicComplete } from './dialects/anthropic-complete.ts'
import { anthropic } from './dialects/anthropic.ts'
import { assemblyai } from './dialects/assemblyai.ts'
import { bedrockConverse } from './dialects/bedrock-converse.ts'
import { bedrockInvoke } from './dialects/bedrock-invoke.ts'
import { blackForestLabs } from './dialects/black-forest-labs.ts'
import { cohere } from './dialects/cohere.ts'
import { deepgramListen } from './dialects/deepgram-listen.ts'
import { elevenlabsTranscription } from './dialects/elevenlabs-transcription.ts'
import { embeddings } from './dialects/embeddings.ts'
import { fal } from './dialects/fal.ts'
import { geminiEmbeddings } from './dialects/gemini-embeddings.ts'
import { geminiInteractions } from './dialects/gemini-interactions.ts'
import { gemini } from './dialects/gemini.ts'
import { gladia } from './dialects/gladia.ts'
import { googleOperation } from './dialects/google-operation.ts'
import { googlePredict } from './dialects/google-predict.ts'
import { huggingface } from './dialects/huggingface.ts'
import { luma } from './dialects/luma.ts'
import { mistralOcr } from './dialects/mistral-ocr.ts'
import { ollama } from './dialects/ollama.ts'
import { openaiBatch } from './dialects/openai-batch.ts'
import { openaiChat } from './dialects/openai-chat.ts'
import { openaiImages } from './dialects/openai-images.ts'
import { openaiResponses } from './dialects/openai-responses.ts'
import { openaiRuns } from './dialects/openai-runs.ts'
import { plainUsage } from './dialects/plain-usage.ts'
import { replicate } from './dialects/replicate.ts'
import { revai } from './dialects/revai.ts'
import { speech } from './dialects/speech.ts'
import { transcriptions } from './dialects/transcriptions.ts'
import { video } from './dialects/video.ts'
import { watsonx } from './dialects/watsonx.ts'
import type { Dialect } from './endpoint.ts'

const rows: Readonly<Record<Dialect, ReaderRow>> = {
  'aleph-alpha': alephAlpha,
  anthropic,
  'anthropic-batch': anthropicBatch,
  'anthropic-complete': anthropicComplete,
  assemblyai,
  'bedrock-converse': bedrockConverse,
  'bedrock-invoke': bedrockInvoke,
  'black-forest-labs': blackForestLabs,
  cohere,
  'deepgram-listen': deepgramListen,
  'elevenlabs-transcription': elevenlabsTranscription,
  embeddings,
  fal,
  gemini,
  'gemini-embeddings': geminiEmbeddings,
  'gemini-interactions': geminiInteractions,
  gladia,
  'google-operation': googleOperation,
  'google-predict': googlePredict,
  huggingface,
  luma,
  'mistral-ocr': mistralOcr,
  ollama,
  'openai-batch': openaiBatch,
  'openai-chat': openaiChat,
  'openai-images': openaiImages,
  'openai-responses': openaiResponses,
  'openai-runs': openaiRuns,
  replicate,
  revai,
  speech,
  transcriptions,
  video,
  watsonx,
}

/** Null: nothing reads the answers to such a call. */
export function readerFor(call: Call): ReaderRow | null {
  if (call.dialect !== null) return rows[call.dialect]
  return call.family === null && !call.free ? plainUsage : null
}
