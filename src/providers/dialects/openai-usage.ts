// The usage object of OpenAI's formats, and of everybody who took them over with changes of their own.
import type { Usage } from '../../usage.ts'
import { countOf, fieldOf, quantityOf, sumOf, textOf } from '../json-value.ts'

export interface OpenaiUsageHints {
  /** A Google host: what `total_tokens` has above the two others are thoughts, billed as output and told nowhere else. */
  hiddenThoughts: boolean
  /** The tier stands beside the usage, not in it. */
  serviceTier: string | null
}

const inputKeys = ['prompt_tokens', 'input_tokens']
const outputKeys = ['completion_tokens', 'output_tokens']
const totalKeys = ['total_tokens']
const cachedKeys = ['cached_tokens', 'prompt_cache_hit_tokens', 'num_cached_tokens']
const inputDetailsKeys = [
  'prompt_tokens_details',
  'input_tokens_details',
  'prompt_token_details',
  'input_token_details',
]
const outputDetailsKeys = ['completion_tokens_details', 'output_tokens_details', 'completion_token_details', 'output_token_details'] // prettier-ignore

/**
 * Chat's `prompt_tokens` and Responses' `input_tokens` alike. Cached tokens are part of the input, reasoning is part of the
 * output; providers that count outside of them are found by their own total.
 */
export function openaiUsage(told: unknown, { hiddenThoughts, serviceTier }: OpenaiUsageHints): Usage {
  const inputDetails = firstField(told, inputDetailsKeys)
  const outputDetails = firstField(told, outputDetailsKeys)
  const input = firstCount(told, inputKeys)
  const output = firstCount(told, outputKeys)
  const total = countOf(fieldOf(told, 'total_tokens'))
  const reasoning = countOf(fieldOf(outputDetails, 'reasoning_tokens')) ?? countOf(fieldOf(told, 'reasoning_tokens'))
  const inputAudio = countOf(fieldOf(inputDetails, 'audio_tokens'))
  const outside = outsideTokens({ input, output, total, reasoning, inputAudio, hiddenThoughts })
  return usageOf({
    input_tokens: sumOf(input, outside.input),
    output_tokens: sumOf(output, outside.output),
    total_tokens: input === undefined && output === undefined ? total : undefined,
    cache_read_tokens: countOf(fieldOf(inputDetails, 'cached_tokens')) ?? firstCount(told, cachedKeys),
    cache_write_tokens: countOf(fieldOf(inputDetails, 'cache_write_tokens')),
    reasoning_tokens: reasoning,
    input_audio_tokens: inputAudio,
    output_audio_tokens: countOf(fieldOf(outputDetails, 'audio_tokens')),
    input_image_tokens: countOf(fieldOf(inputDetails, 'image_tokens')),
    output_image_tokens: countOf(fieldOf(outputDetails, 'image_tokens')),
    cost_usd_reported: costOf(told),
    service_tier: textOf(fieldOf(told, 'service_tier')) ?? serviceTier ?? undefined,
  })
}

/**
 * Whether a `usage` says anything: compatible hosts send `{}`, and some send zeros at the end where they mean nothing.
 *
 * @param before whether another one was told already.
 */
export function isTold(usage: unknown, before: boolean): boolean {
  const told = (keys: readonly string[]) => {
    const count = firstCount(usage, keys)
    return count !== undefined && (!before || count > 0)
  }
  return told(inputKeys) || told(outputKeys) || told(totalKeys)
}

/** Whether nothing of a text's bill is missing. */
export function hasBothSides({ input_tokens, output_tokens }: Usage): boolean {
  return input_tokens !== undefined && output_tokens !== undefined
}

type Fields = { [Name in keyof Usage]: Usage[Name] | undefined }

/** The fields that are known: absent is not zero. */
export function usageOf(fields: Fields): Usage {
  const known: Usage = {}
  let name: keyof Fields
  for (name in fields) setKnown(known, name, fields[name])
  return known
}

function setKnown<Name extends keyof Usage>(known: Usage, name: Name, value: Usage[Name] | undefined): void {
  if (value !== undefined) known[name] = value
}

interface Totals {
  input: number | undefined
  output: number | undefined
  total: number | undefined
  reasoning: number | undefined
  inputAudio: number | undefined
  hiddenThoughts: boolean
}

/** What the provider's total has above its parts, and the side it belongs to. */
function outsideTokens(totals: Totals): { input?: number; output?: number } {
  const { input = 0, output = 0, total = 0, reasoning, inputAudio, hiddenThoughts } = totals
  const gap = total - input - output
  if (gap <= 0 || (totals.input === undefined && totals.output === undefined)) return {}
  // xAI's chat counts reasoning outside of completion_tokens.
  if (gap === reasoning) return { output: gap }
  // Mistral's voxtral counts audio outside of prompt_tokens.
  if (gap === inputAudio) return { input: gap }
  return hiddenThoughts ? { output: gap } : {}
}

/** What the provider says it bills, in dollars. */
function costOf(told: unknown): number | undefined {
  // xAI: 1e10 ticks are a dollar.
  const ticks = quantityOf(fieldOf(told, 'cost_in_usd_ticks'))
  if (ticks !== undefined) return ticks / 1e10
  const cost = fieldOf(told, 'cost')
  // Perplexity tells its parts and their sum.
  const dollars = quantityOf(cost) ?? quantityOf(fieldOf(cost, 'total_cost'))
  // OpenRouter with a key of one's own: `cost` is its fee, the provider bills the rest.
  if (dollars === undefined || fieldOf(told, 'is_byok') !== true) return dollars
  return dollars + (quantityOf(fieldOf(fieldOf(told, 'cost_details'), 'upstream_inference_cost')) ?? 0)
}

function firstField(value: unknown, keys: readonly string[]): unknown {
  for (const key of keys) {
    const field = fieldOf(value, key)
    if (typeof field === 'object' && field !== null) return field
  }
  return undefined
}

function firstCount(value: unknown, keys: readonly string[]): number | undefined {
  for (const key of keys) {
    const count = countOf(fieldOf(value, key))
    if (count !== undefined) return count
  }
  return undefined
}
