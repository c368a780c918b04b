// Model prices: what a provider asks for each thing it counts, exact.
import { unitsPerDollar } from '../money.ts'
import { decimalTextOf, fractionOf, lowestTerms, type Fraction } from './fraction.ts'

/** What can have a price: fields of `Usage`, and `requests`, of which each answer is one. */
export const rateNames = [
  'input_tokens', 'output_tokens', 'cache_read_tokens', 'cache_write_tokens', 'cache_write_1h_tokens', 'reasoning_tokens',
  'input_audio_tokens', 'output_audio_tokens', 'cache_read_audio_tokens', 'input_image_tokens', 'output_image_tokens',
  'input_characters', 'output_characters', 'input_seconds', 'output_seconds',
  'images', 'pages', 'search_units', 'web_search_requests', 'file_search_requests', 'requests',
] as const // prettier-ignore

export type RateName = (typeof rateNames)[number]

export interface UnitPrice {
  /** Dollars for `per` of them, as a decimal. */
  readonly text: string
  readonly per: number
  /** `Money` for one of them, in lowest terms: of most prices a whole number, so that sums need no common denominator. */
  readonly each: Fraction
}

export interface Rate {
  readonly base: UnitPrice
  /** Long contexts: above `above` input tokens the whole request pays that price. Ascending. */
  readonly tiers: readonly { readonly above: number; readonly price: UnitPrice }[]
  /** Where the size or the quality of what was made has another price; the first that fits. */
  readonly variants?: readonly { readonly when: RegExp; readonly price: UnitPrice }[]
  /** Where this rate is from, when not from the price's own source: a fee that its table lacks. */
  readonly source?: string
}

export interface ModelPrice {
  /** `host`, or the price table's name and version, such as `genai-prices@0.1.8` and `lava-gateway@2026-05-05`. */
  readonly source: string
  /** Whose price it is, by its name in the library's table: it decides what a service tier costs. Null: nobody's known there. */
  readonly priceProvider: string | null
  /** The name under which the source has it. */
  readonly model: string
  /** A part without a rate of its own (cached tokens, say) is priced as what it is a part of. */
  readonly rates: Readonly<Partial<Record<RateName, Rate>>>
  /** Shorter audio is billed as this many seconds. Default 0. */
  readonly inputSecondsMin?: number
}

/** @param dollars for `per` units; a float is taken as the decimal that its author wrote. */
export function unitPriceOf(dollars: string | number, per: number): UnitPrice {
  const text = typeof dollars === 'number' ? decimalTextOf(dollars) : dollars
  const { numerator, denominator } = fractionOf(text)
  const each = lowestTerms({ numerator: numerator * unitsPerDollar, denominator: denominator * BigInt(per) })
  return { text, per, each }
}

/** The same price however long the context is. */
export function flatRate(dollars: string | number, per: number): Rate {
  return { base: unitPriceOf(dollars, per), tiers: [] }
}

/** What a unit price can depend on. */
export interface PriceConditions {
  /** Cached ones included. */
  inputTokens: number
  /** Size and quality, as the provider writes them: `1024x1792 hd`. */
  made: string
}

/** Whether it is the same under all conditions. */
export function isFlat({ tiers, variants }: Rate): boolean {
  return tiers.length === 0 && variants === undefined
}

/** The unit price under these conditions. */
export function priceAt({ base, tiers, variants = [] }: Rate, { inputTokens, made }: PriceConditions): UnitPrice {
  return (
    variants.find(({ when }) => when.test(made))?.price ??
    tiers.findLast(({ above }) => inputTokens > above)?.price ??
    base
  )
}
