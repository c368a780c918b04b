// Usage parts: an answer's counts cut into pieces that do not overlap, so that nothing is priced twice.
import { billedInputSeconds, type SubUsage, type Usage } from '../usage.ts'
import type { RateName } from './model-price.ts'

export type Counts = Usage | SubUsage

/** Whose rate prices a part, the nearest first: cached tokens without a price of their own cost what fresh input costs. */
export type PartRates = readonly [RateName, ...RateName[]]

/** `fee`: neither read nor written, such as a search. */
export type PartSide = 'input' | 'output' | 'fee'

/** Takes the parts one by one, so that no list of them is made for each price. */
export interface PartTaker {
  /** @param quantity never 0. */
  take(rates: PartRates, quantity: number, side: PartSide): void
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
  // Nearly every usage counts its input; the names of the others are not worth a list.
  if (typeof usage.input_tokens === 'number') return true
  for (const name of Object.keys(usage))
    if (name !== 'cost_usd_reported' && typeof Reflect.get(usage, name) === 'number') return true
  return false
}

/** The parts with something in them; token parts of a side add up to that side's tokens exactly. */
export function takeParts(usage: Counts, taker: PartTaker): void {
  takeInput(taker, usage)
  takeOutput(taker, usage)
  takeCounts(taker, usage)
}

/** Lists of rates are made once: a usage is priced twice a request, for its hold and for its charge. */
const rates = {
  input: ['input_tokens'],
  cacheRead: ['cache_read_tokens', 'input_tokens'],
  cacheReadAudio: ['cache_read_audio_tokens', 'input_audio_tokens', 'cache_read_tokens', 'input_tokens'],
  cacheWrite: ['cache_write_tokens', 'input_tokens'],
  cacheWrite1h: ['cache_write_1h_tokens', 'cache_write_tokens', 'input_tokens'],
  inputAudio: ['input_audio_tokens', 'input_tokens'],
  inputImage: ['input_image_tokens', 'input_tokens'],
  output: ['output_tokens'],
  outputAudio: ['output_audio_tokens', 'output_tokens'],
  outputImage: ['output_image_tokens', 'output_tokens'],
  reasoning: ['reasoning_tokens', 'output_tokens'],
  inputCharacters: ['input_characters'],
  inputSeconds: ['input_seconds'],
  pages: ['pages'],
  outputCharacters: ['output_characters'],
  outputSeconds: ['output_seconds'],
  images: ['images'],
  searchUnits: ['search_units'],
  webSearches: ['web_search_requests'],
  fileSearches: ['file_search_requests'],
} as const satisfies Record<string, PartRates>

function add(taker: PartTaker, names: PartRates, quantity: number, side: PartSide): void {
  if (quantity !== 0) taker.take(names, quantity, side)
}

function takeInput(taker: PartTaker, usage: Counts): void {
  if (usage.billed_input_tokens !== undefined) return add(taker, rates.input, usage.billed_input_tokens, 'input')
  const total = inputTokensOf(usage)
  const read = usage.cache_read_tokens ?? 0
  const write = cacheWritesOf(usage)
  const write1h = Math.min(usage.cache_write_1h_tokens ?? 0, write)
  const audioRead = Math.min(usage.cache_read_audio_tokens ?? 0, read)
  // Audio and images may be cached too, and only cached audio is told apart: what is left bounds them (litellm#6215).
  const fresh = total - read - write
  const audio = Math.min(Math.max(0, (usage.input_audio_tokens ?? 0) - audioRead), fresh)
  const image = Math.min(usage.input_image_tokens ?? 0, fresh - audio)
  add(taker, rates.input, fresh - audio - image, 'input')
  add(taker, rates.cacheRead, read - audioRead, 'input')
  add(taker, rates.cacheReadAudio, audioRead, 'input')
  add(taker, rates.cacheWrite, write - write1h, 'input')
  add(taker, rates.cacheWrite1h, write1h, 'input')
  add(taker, rates.inputAudio, audio, 'input')
  add(taker, rates.inputImage, image, 'input')
}

function takeOutput(taker: PartTaker, usage: Counts): void {
  const { output_audio_tokens: audio = 0, output_image_tokens: image = 0, reasoning_tokens: reasoning = 0 } = usage
  const total = Math.max(usage.output_tokens ?? 0, audio + image + (usage.output_tokens === undefined ? reasoning : 0))
  const thought = Math.min(reasoning, total - audio - image)
  add(taker, rates.output, total - audio - image - thought, 'output')
  add(taker, rates.outputAudio, audio, 'output')
  add(taker, rates.outputImage, image, 'output')
  add(taker, rates.reasoning, thought, 'output')
}

function takeCounts(taker: PartTaker, usage: Counts): void {
  add(taker, rates.inputCharacters, usage.input_characters ?? 0, 'input')
  add(taker, rates.inputSeconds, billedInputSeconds(usage) ?? 0, 'input')
  add(taker, rates.pages, usage.pages ?? 0, 'input')
  add(taker, rates.outputCharacters, usage.output_characters ?? 0, 'output')
  add(taker, rates.outputSeconds, usage.output_seconds ?? 0, 'output')
  add(taker, rates.images, usage.images ?? 0, 'output')
  add(taker, rates.searchUnits, usage.search_units ?? 0, 'fee')
  add(taker, rates.webSearches, usage.web_search_requests ?? 0, 'fee')
  add(taker, rates.fileSearches, usage.file_search_requests ?? 0, 'fee')
}

function cacheWritesOf(usage: Counts): number {
  // The total already holds both lifetimes; adding them again charged cache writes twice (litellm#5443, #9812).
  const parts = (usage.cache_write_5m_tokens ?? 0) + (usage.cache_write_1h_tokens ?? 0)
  return Math.max(usage.cache_write_tokens ?? 0, parts)
}
