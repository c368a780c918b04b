// Usage parts: an answer's counts cut into pieces that do not overlap, so that nothing is priced twice.
import { billedInputSeconds, type SubUsage, type Usage } from '../usage.ts'
import type { RateName } from './model-price.ts'

export type Counts = Usage | SubUsage

export interface UsagePart {
  /** Whose rate prices it, the nearest first: cached tokens without a price of their own cost what fresh input costs. */
  readonly rates: readonly [RateName, ...RateName[]]
  readonly quantity: number
  /** `fee`: neither read nor written, such as a search. */
  readonly side: 'input' | 'output' | 'fee'
}

/** Everything on the input side, cache reads and writes included. Decides the tier of a long context. */
export function inputTokensOf(usage: Counts): number {
  if (usage.billed_input_tokens !== undefined) return usage.billed_input_tokens
  const alone = usage.output_tokens === undefined ? usage.total_tokens : undefined
  // Parts above their whole would be a wrong reading; the larger of the two is never too little (litellm#11364).
  return Math.max(usage.input_tokens ?? alone ?? 0, (usage.cache_read_tokens ?? 0) + cacheWritesOf(usage))
}

/** Whether anything at all was counted. No count is not a count of zero. */
export function hasCounts(usage: Counts): boolean {
  return Object.entries(usage).some(([name, value]) => typeof value === 'number' && name !== 'cost_usd_reported')
}

/** The parts with something in them; token parts of a side add up to that side's tokens exactly. */
export function partsOf(usage: Counts): UsagePart[] {
  return [...inputParts(usage), ...outputParts(usage), ...countParts(usage)].filter(({ quantity }) => quantity !== 0)
}

function inputParts(usage: Counts): UsagePart[] {
  if (usage.billed_input_tokens !== undefined)
    return [{ rates: ['input_tokens'], quantity: usage.billed_input_tokens, side: 'input' }]
  const total = inputTokensOf(usage)
  const read = usage.cache_read_tokens ?? 0
  const write = cacheWritesOf(usage)
  const write1h = Math.min(usage.cache_write_1h_tokens ?? 0, write)
  const audioRead = Math.min(usage.cache_read_audio_tokens ?? 0, read)
  // Audio and images may be cached too, and only cached audio is told apart: what is left bounds them (litellm#6215).
  const fresh = total - read - write
  const audio = Math.min(Math.max(0, (usage.input_audio_tokens ?? 0) - audioRead), fresh)
  const image = Math.min(usage.input_image_tokens ?? 0, fresh - audio)
  return [
    { rates: ['input_tokens'], quantity: fresh - audio - image, side: 'input' },
    { rates: ['cache_read_tokens', 'input_tokens'], quantity: read - audioRead, side: 'input' },
    {
      rates: ['cache_read_audio_tokens', 'input_audio_tokens', 'cache_read_tokens', 'input_tokens'],
      quantity: audioRead,
      side: 'input',
    },
    { rates: ['cache_write_tokens', 'input_tokens'], quantity: write - write1h, side: 'input' },
    { rates: ['cache_write_1h_tokens', 'cache_write_tokens', 'input_tokens'], quantity: write1h, side: 'input' },
    { rates: ['input_audio_tokens', 'input_tokens'], quantity: audio, side: 'input' },
    { rates: ['input_image_tokens', 'input_tokens'], quantity: image, side: 'input' },
  ]
}

function outputParts(usage: Counts): UsagePart[] {
  const { output_audio_tokens: audio = 0, output_image_tokens: image = 0, reasoning_tokens: reasoning = 0 } = usage
  const total = Math.max(usage.output_tokens ?? 0, audio + image + (usage.output_tokens === undefined ? reasoning : 0))
  const thought = Math.min(reasoning, total - audio - image)
  return [
    { rates: ['output_tokens'], quantity: total - audio - image - thought, side: 'output' },
    { rates: ['output_audio_tokens', 'output_tokens'], quantity: audio, side: 'output' },
    { rates: ['output_image_tokens', 'output_tokens'], quantity: image, side: 'output' },
    { rates: ['reasoning_tokens', 'output_tokens'], quantity: thought, side: 'output' },
  ]
}

function countParts(usage: Counts): UsagePart[] {
  return [
    { rates: ['input_characters'], quantity: usage.input_characters ?? 0, side: 'input' },
    { rates: ['input_seconds'], quantity: billedInputSeconds(usage) ?? 0, side: 'input' },
    { rates: ['pages'], quantity: usage.pages ?? 0, side: 'input' },
    { rates: ['output_characters'], quantity: usage.output_characters ?? 0, side: 'output' },
    { rates: ['output_seconds'], quantity: usage.output_seconds ?? 0, side: 'output' },
    { rates: ['images'], quantity: usage.images ?? 0, side: 'output' },
    { rates: ['search_units'], quantity: usage.search_units ?? 0, side: 'fee' },
    { rates: ['web_search_requests'], quantity: usage.web_search_requests ?? 0, side: 'fee' },
    { rates: ['file_search_requests'], quantity: usage.file_search_requests ?? 0, side: 'fee' },
  ]
}

function cacheWritesOf(usage: Counts): number {
  // The total already holds both lifetimes; adding them again charged cache writes twice (litellm#5443, #9812).
  const parts = (usage.cache_write_5m_tokens ?? 0) + (usage.cache_write_1h_tokens ?? 0)
  return Math.max(usage.cache_write_tokens ?? 0, parts)
}
