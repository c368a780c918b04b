// Model prices: what a provider asks for each thing it counts, exact.
import { decimalTextOf, fractionOf, type Fraction } from './fraction.ts'

/** What can have a price: fields of `Usage`, and `requests`, of which each answer is one. */
export const rateNames = [
  'input_tokens', 'output_tokens', 'cache_read_tokens', 'cache_write_tokens', 'cache_write_1h_tokens', 'reasoning_tokens',
  'input_audio_tokens', 'output_audio_tokens', 'cache_read_audio_tokens', 'input_image_tokens', 'output_image_tokens',
  'input_characters', 'output_characters', 'input_seconds', 'output_seconds',
  'images', 'pages', 'search_units', 'web_search_requests', 'requests',
] as const // prettier-ignore

export type RateName = (typeof rateNames)[number]

export interface UnitPrice {
  /** Dollars for `per` of them, as a decimal. */
  readonly text: string
  readonly per: number
  /** Dollars for one, exactly. */
  readonly each: Fraction
}

export interface Rate {
  readonly base: UnitPrice
  /** Long contexts: above `above` input tokens the whole request pays that price. Ascending. */
  readonly tiers: readonly { readonly above: number; readonly price: UnitPrice }[]
}

export interface ModelPrice {
  /** `host`, or the price table's name and version, such as `genai-prices@0.1.8`. */
  readonly source: string
  /** The name under which the source has it. */
  readonly model: string
  /** A part without a rate of its own (cached tokens, say) is priced as what it is a part of. */
  readonly rates: Readonly<Partial<Record<RateName, Rate>>>
  /** Shorter audio is billed as this many seconds. Default 0. */
  readonly inputSecondsMin?: number
}

/** @param dollars for `per` units; a float is taken as the decimal that its author wrote. */
export function unitPriceOf(dollars: string | number, per: number): UnitPrice {
  const { numerator, denominator } = fractionOf(dollars)
  const text = typeof dollars === 'number' ? decimalTextOf(dollars) : dollars
  return { text, per, each: { numerator, denominator: denominator * BigInt(per) } }
}

/** The unit price of a request with so many input tokens, cached ones included. */
export function priceAt({ base, tiers }: Rate, inputTokens: number): UnitPrice {
  return tiers.findLast(({ above }) => inputTokens > above)?.price ?? base
}
