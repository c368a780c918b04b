// Gemini generateContent, also on Vertex: finds the usage in an answer, or in the last chunk that has counts.
import type { Picked } from '../../http/json-picker.ts'
import { picksOf } from '../../http/picks.ts'
import type { Usage } from '../../usage.ts'
import { nothingFound, type AnswerReader, type Findings, type ReaderRow } from '../answer-reader.ts'
import type { Call } from '../call.ts'
import { countOf, errorMessageOf, fieldOf, listOf, sumOf, textOf } from '../json-value.ts'
import { usageOf } from './openai-usage.ts'

export const gemini: ReaderRow = {
  picks: picksOf({
    modelVersion: 'value',
    responseId: 'value',
    usageMetadata: 'value',
    error: 'value',
    'promptFeedback.blockReason': 'value',
    'candidates.finishReason': 'value',
    'candidates.groundingMetadata.webSearchQueries': 'value',
    'candidates.content.parts.text': 'text',
    'candidates.content.parts.functionCall': 'text',
    'candidates.content.parts.executableCode.code': 'text',
  }),
  open: (call) => new GeminiReader(call),
}

const tokenCounts = ['promptTokenCount', 'candidatesTokenCount', 'thoughtsTokenCount', 'totalTokenCount'] as const

class GeminiReader implements AnswerReader {
  readonly #call: Call
  /** Cumulative in every chunk. The last whole object is meant: merged field by field it would contradict its own total. */
  #usage: unknown
  #searches = 0
  #blocked: string | null = null
  #objects = 0
  #finished = false
  /** Whether the counts were told with the finish reason or after it, not before. */
  #toldLast = false
  #model: string | null = null
  #id: string | null = null
  #error: string | null = null

  constructor(call: Call) {
    this.#call = call
  }

  read(object: Picked): boolean {
    this.#objects++
    this.#model = textOf(object.get('modelVersion')) ?? this.#model
    this.#id ??= textOf(object.get('responseId')) ?? null
    this.#error ??= errorMessageOf(object.get('error')) ?? null
    // Reasons are numbers where the caller asked for enums as ints.
    if (object.has('candidates.finishReason')) this.#finished = true
    const blockReason = object.get('promptFeedback.blockReason')
    if (blockReason !== undefined) this.#blocked = typeof blockReason === 'string' ? blockReason : 'blocked'
    const queries = listOf(object.get('candidates.groundingMetadata.webSearchQueries')).filter((query) => query !== '')
    this.#searches = Math.max(this.#searches, queries.length)
    const usage = object.get('usageMetadata')
    // Vertex's first chunks say only which traffic they are.
    if (!tokenCounts.some((count) => countOf(fieldOf(usage, count)) !== undefined)) return false
    this.#usage = usage
    this.#toldLast = this.#finished
    return true
  }

  findings(): Findings {
    const told = this.#usage !== undefined
    return {
      ...nothingFound,
      usage: { ...geminiUsage(this.#usage), ...usageOf({ web_search_requests: this.#billedSearches() }) },
      final: told && (this.#toldLast || this.#blocked !== null || (this.#objects === 1 && !this.#call.streamed)),
      error: this.#error,
      unbilled: this.#blocked !== null && !told ? `the prompt was blocked (${this.#blocked})` : null,
      model: this.#model,
      response_id: this.#id,
    }
  }

  /** Up to Gemini 2.5 a grounded answer is billed as one search, since Gemini 3 each query is. */
  #billedSearches(): number | undefined {
    if (this.#searches === 0) return undefined
    return /gemini-[12]\b/.test(this.#model ?? this.#call.model ?? '') ? 1 : this.#searches
  }
}

/** Thoughts stand beside the candidates' tokens, and what tools put into the prompt beside the prompt's. */
function geminiUsage(told: unknown): Usage {
  const thoughts = countOf(fieldOf(told, 'thoughtsTokenCount'))
  const prompt = fieldOf(told, 'promptTokensDetails')
  const candidates = fieldOf(told, 'candidatesTokensDetails')
  return usageOf({
    input_tokens: sumOf(countOf(fieldOf(told, 'promptTokenCount')), countOf(fieldOf(told, 'toolUsePromptTokenCount'))),
    output_tokens: sumOf(countOf(fieldOf(told, 'candidatesTokenCount')), thoughts),
    cache_read_tokens: countOf(fieldOf(told, 'cachedContentTokenCount')),
    reasoning_tokens: thoughts,
    input_audio_tokens: modalityTokens(prompt, 'audio'),
    input_image_tokens: modalityTokens(prompt, 'image'),
    output_audio_tokens: modalityTokens(candidates, 'audio'),
    output_image_tokens: modalityTokens(candidates, 'image'),
    cache_read_audio_tokens: modalityTokens(fieldOf(told, 'cacheTokensDetails'), 'audio'),
    service_tier: textOf(fieldOf(told, 'serviceTier')) ?? textOf(fieldOf(told, 'trafficType')),
  })
}

/** By name in one case or the other, or by number where the caller asked for enums as ints. */
const modalities: Readonly<Record<'audio' | 'image', readonly unknown[]>> = {
  audio: ['AUDIO', 'audio', 4],
  image: ['IMAGE', 'image', 2],
}

/** The tokens of one modality in a list of `{ modality, tokenCount }` (`tokens` in Interactions). */
export function modalityTokens(details: unknown, modality: 'audio' | 'image'): number | undefined {
  const parts = listOf(details).filter((part) => modalities[modality].includes(fieldOf(part, 'modality')))
  return sumOf(...parts.map((part) => countOf(fieldOf(part, 'tokenCount')) ?? countOf(fieldOf(part, 'tokens'))))
}
