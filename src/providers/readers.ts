// The readers, one a dialect. A new dialect is a row here, and its paths in endpoint.ts.
import type { ReaderRow } from './answer-reader.ts'
import { anthropic } from './anthropic.ts'
import type { Call } from './call.ts'
import type { Dialect } from './endpoint.ts'
import { gemini } from './gemini.ts'
import { openaiChat } from './openai-chat.ts'
import { openaiResponses } from './openai-responses.ts'
import { plainUsage } from './plain-usage.ts'

const rows: Readonly<Record<Dialect, ReaderRow>> = {
  'openai-chat': openaiChat,
  'openai-responses': openaiResponses,
  anthropic,
  gemini,
}

/** Null: nothing reads the answers to such a call. */
export function readerFor(call: Call): ReaderRow | null {
  if (call.dialect !== null) return rows[call.dialect]
  return call.family === null && !call.free ? plainUsage : null
}
