// The price table: the host's own prices first, then the library's, then ours for what it lacks, cached.
import { LRUCache } from 'lru-cache'
import { z } from 'zod'
import type { Clock } from '../clock.ts'
import { isMoneyText } from '../money.ts'
import { parseOptions } from '../option.ts'
import { libraryTable } from './library-price.ts'
import { listedName } from './model-name.ts'
import { flatRate, type ModelPrice, type Rate, type RateName } from './model-price.ts'
import { ownPrice } from './own-prices.ts'
import { withMissingRates } from './missing-rates.ts'

const wanted = 'must be a decimal string of dollars such as "0.15": not negative, at most ten decimals'
const dollars = z
  .string(wanted)
  .refine((text) => isMoneyText(text) && !text.startsWith('-'), wanted)
  .optional()

const hostPriceSchema = z
  .strictObject({
    input_tokens_1m: dollars,
    output_tokens_1m: dollars,
    cache_read_tokens_1m: dollars,
    cache_write_tokens_1m: dollars,
    cache_write_1h_tokens_1m: dollars,
    reasoning_tokens_1m: dollars,
    input_audio_tokens_1m: dollars,
    output_audio_tokens_1m: dollars,
    cache_read_audio_tokens_1m: dollars,
    input_image_tokens_1m: dollars,
    output_image_tokens_1m: dollars,
    input_characters_1m: dollars,
    output_characters_1m: dollars,
    input_minutes: dollars,
    output_minutes: dollars,
    images: dollars,
    pages: dollars,
    search_units: dollars,
    web_search_requests: dollars,
    file_search_requests: dollars,
    requests: dollars,
  })
  .superRefine((price, context) => {
    const given = Object.entries(price).flatMap(([key, value]) => (value === undefined ? [] : [key]))
    const say = (message: string) => context.addIssue({ code: 'custom', message })
    if (given.length === 0) say('has no price: give one, such as `input_tokens_1m: "0.15"`, or "0" when it is free')
    const forTokens = given.some((key) => key.endsWith('_tokens_1m'))
    if (forTokens && price.input_tokens_1m === undefined)
      say('prices tokens without `input_tokens_1m`: add it, or "0" when input is free')
  })

const pricesSchema = z.strictObject({ prices: z.record(z.string().min(1), hostPriceSchema) })

/** Dollars per million tokens or characters, per minute, per image, page, search or request. */
export type HostPrice = Readonly<z.input<typeof hostPriceSchema>>

/** By `model`, or by `provider/model` where providers differ. */
export type PricesInput = Readonly<Record<string, HostPrice>>

export interface PriceQuestion {
  /** Its name in the library's table; null: only the host's prices may answer. */
  priceProvider: string | null
  /** Its key here, as in the host's `provider/model`. */
  provider: string
  /** As the request or the answer names it: dated names and aliases are found. */
  model: string
  /** When the work was done: prices change by date, a few by the hour. Default: now. */
  at_ms?: number
}

export interface PriceTable {
  /** Null: the price is unknown, which is not zero. */
  find(question: PriceQuestion): ModelPrice | null
}

const minuteMs = 60_000
const modelsMax = 1_000
/** Of one model. More than so many providers hardly sell the same; the oldest answer goes first. */
const answersMax = 8
/** Names come from request bodies; longer ones are no model's and would fill the cache. */
const modelLengthMax = 200

/**
 * @throws TypeError that names the wrong price and the mend.
 */
export function priceTable({ prices, clock }: { prices: PricesInput; clock: Clock }): PriceTable {
  const host = hostPrices(prices)
  const library = libraryTable()
  // No price changes within a minute, and no host looks up so many models in one that this would cost anything.
  const found = new LRUCache<string, readonly Answer[]>({ max: modelsMax })

  function lookUp(priceProvider: string | null, provider: string, model: string, at_ms: number): ModelPrice | null {
    const asked = priceProvider === null ? null : listedName(priceProvider, model)
    const listed =
      asked && (library(asked.priceProvider, asked.model, at_ms) ?? ownPrice(asked.priceProvider, asked.model))
    // The host prices `gpt-4o-mini`, the answer says `gpt-4o-mini-2024-07-18`: still the host's price.
    for (const name of new Set([model, withoutDate(model), asked?.model ?? model, listed?.model ?? model])) {
      const price = host.get(`${provider}/${name}`.toLowerCase()) ?? host.get(name.toLowerCase())
      // Its provider's tiers and fees are the host's too; it wrote the price of plain tokens.
      if (price) return withMissingRates({ ...price, priceProvider, model: listed?.model ?? price.model })
    }
    return listed && withMissingRates(listed)
  }

  return {
    find({ priceProvider, provider, model, at_ms = clock() }) {
      if (model.length > modelLengthMax) return null
      const minute = Math.floor(at_ms / minuteMs)
      const known = found.get(model)
      if (known)
        for (const answer of known)
          if (answer.provider === provider && answer.priceProvider === priceProvider && answer.minute === minute)
            return answer.price
      const price = lookUp(priceProvider, provider, model, at_ms)
      const others = (known ?? []).filter((each) => each.provider !== provider || each.priceProvider !== priceProvider)
      found.set(model, [...others.slice(1 - answersMax), { provider, priceProvider, minute, price }])
      return price
    },
  }
}

interface Answer {
  readonly provider: string
  readonly priceProvider: string | null
  /** The one in which it holds. */
  readonly minute: number
  readonly price: ModelPrice | null
}

const hostRates = {
  input_tokens_1m: ['input_tokens', 1_000_000],
  output_tokens_1m: ['output_tokens', 1_000_000],
  cache_read_tokens_1m: ['cache_read_tokens', 1_000_000],
  cache_write_tokens_1m: ['cache_write_tokens', 1_000_000],
  cache_write_1h_tokens_1m: ['cache_write_1h_tokens', 1_000_000],
  reasoning_tokens_1m: ['reasoning_tokens', 1_000_000],
  input_audio_tokens_1m: ['input_audio_tokens', 1_000_000],
  output_audio_tokens_1m: ['output_audio_tokens', 1_000_000],
  cache_read_audio_tokens_1m: ['cache_read_audio_tokens', 1_000_000],
  input_image_tokens_1m: ['input_image_tokens', 1_000_000],
  output_image_tokens_1m: ['output_image_tokens', 1_000_000],
  input_characters_1m: ['input_characters', 1_000_000],
  output_characters_1m: ['output_characters', 1_000_000],
  input_minutes: ['input_seconds', 60],
  output_minutes: ['output_seconds', 60],
  images: ['images', 1],
  pages: ['pages', 1],
  search_units: ['search_units', 1],
  web_search_requests: ['web_search_requests', 1],
  file_search_requests: ['file_search_requests', 1],
  requests: ['requests', 1],
} as const satisfies Record<keyof HostPrice, readonly [RateName, number]>

function hostPrices(given: PricesInput): ReadonlyMap<string, ModelPrice> {
  const { prices } = parseOptions(pricesSchema, { prices: given }, 'lavaGateway')
  const byName = new Map<string, ModelPrice>()
  for (const [model, price] of Object.entries(prices)) {
    const rates: Partial<Record<RateName, Rate>> = {}
    for (const [key, [name, per]] of entriesOf(hostRates)) {
      const amount = price[key]
      if (amount !== undefined) rates[name] = flatRate(amount, per)
    }
    byName.set(model.toLowerCase(), Object.freeze({ source: 'host', priceProvider: null, model, rates }))
  }
  return byName
}

function entriesOf(rates: typeof hostRates): [keyof HostPrice, readonly [RateName, number]][] {
  const keys = hostPriceSchema.keyof().options
  return keys.map((key) => [key, rates[key]])
}

/** `gpt-4o-2024-08-06`, `claude-sonnet-4-5-20250929`, `claude-sonnet-4-5@20250929`, `…-latest`. */
function withoutDate(model: string): string {
  return model.replace(/[-@](?:20\d{2}-\d{2}-\d{2}|20\d{6}|latest)$/i, '')
}
