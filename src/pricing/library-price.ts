// Library prices: the table of @pydantic/genai-prices, its floats turned into exact decimals at this edge.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { calcPrice, type ModelPrice as LibraryRates } from '@pydantic/genai-prices'
import { z } from 'zod'
import { flatRate, unitPriceOf, type ModelPrice, type Rate, type RateName } from './model-price.ts'

/** The library's key, what it prices here, and of how many. Where two price the same, the later wins. */
const libraryKeys: readonly (readonly [key: string, rate: RateName, per: number])[] = [
  ['input_mtok', 'input_tokens', 1_000_000],
  ['output_mtok', 'output_tokens', 1_000_000],
  ['cache_read_mtok', 'cache_read_tokens', 1_000_000],
  ['cache_write_mtok', 'cache_write_tokens', 1_000_000],
  ['cache_write_1h_mtok', 'cache_write_1h_tokens', 1_000_000],
  ['output_reasoning_mtok', 'reasoning_tokens', 1_000_000],
  ['input_audio_mtok', 'input_audio_tokens', 1_000_000],
  ['output_audio_mtok', 'output_audio_tokens', 1_000_000],
  ['cache_audio_read_mtok', 'cache_read_audio_tokens', 1_000_000],
  ['input_image_mtok', 'input_image_tokens', 1_000_000],
  ['output_image_mtok', 'output_image_tokens', 1_000_000],
  ['input_mchars', 'input_characters', 1_000_000],
  ['audio_hours', 'input_seconds', 3_600],
  ['input_audio_hours', 'input_seconds', 3_600],
  ['output_audio_hours', 'output_seconds', 3_600],
  ['input_document_kpages', 'pages', 1_000],
  ['rerank_searches_kcount', 'search_units', 1_000],
  ['web_searches_kcount', 'web_search_requests', 1_000],
  ['storage_searches_kcount', 'file_search_requests', 1_000],
  ['requests_kcount', 'requests', 1_000],
]

export type LibraryTable = (priceProvider: string, model: string, at_ms: number) => ModelPrice | null

/** Looks models up by the library's own matching (dated names, aliases, a provider's other names), uncached: 11 to 35 µs. */
export function libraryTable(): LibraryTable {
  const source = libraryName()
  return (priceProvider, model, at_ms) => {
    const found = lookUp(priceProvider, model, at_ms)
    const rates = found ? ratesOf(found.rates) : {}
    // The table holds models without a price, and not every free one; only a name that says so makes one free (design 5.10).
    if (Object.keys(rates).length === 0) {
      const isFree = model.toLowerCase().endsWith(':free') && (found !== null || priceProvider === 'openrouter')
      return isFree ? Object.freeze({ source, priceProvider, model: found?.id ?? model, rates: free }) : null
    }
    return Object.freeze({
      source,
      priceProvider,
      model: found?.id ?? model,
      rates,
      // Groq bills whisper at ten seconds or more (its pricing page); the table has no field for it.
      ...(priceProvider === 'groq' && found?.id.startsWith('whisper') ? { inputSecondsMin: 10 } : {}),
    })
  }
}

const free = { input_tokens: flatRate('0', 1_000_000), output_tokens: flatRate('0', 1_000_000) } as const

function lookUp(providerId: string, model: string, at_ms: number): { id: string; rates: LibraryRates } | null {
  try {
    // Without usage it multiplies nothing: this asks only for the match and its prices at that time.
    const found = calcPrice({}, model, { providerId, timestamp: new Date(at_ms) })
    // Asked for a router's provider that it lacks, it may take another of a similar name: those have other prices.
    if (!found || (providerId.startsWith('huggingface') && found.provider.id !== providerId)) return null
    return { id: found.model.id, rates: found.model_price }
  } catch (error) {
    // It throws on an entry that contradicts itself: that model's price is unknown, and unknown has its own policy.
    if (error instanceof Error) return null
    throw error
  }
}

function ratesOf(prices: LibraryRates): Partial<Record<RateName, Rate>> {
  const rates: Partial<Record<RateName, Rate>> = {}
  for (const [key, name, per] of libraryKeys) {
    const price = prices[key]
    if (price === undefined) continue
    if (typeof price === 'number') rates[name] = flatRate(price, per)
    else
      rates[name] = {
        base: unitPriceOf(price.base, per),
        tiers: price.tiers
          .map((tier) => ({ above: tier.start, price: unitPriceOf(tier.price, per) }))
          .sort((a, b) => a.above - b.above),
      }
  }
  return rates
}

const packageFile = z.object({ version: z.string() })

/** `genai-prices@0.1.8`. A host that bundles the library has no such file any more, and the name alone must do. */
function libraryName(): string {
  try {
    const entry = createRequire(import.meta.url).resolve('@pydantic/genai-prices')
    const { version } = packageFile.parse(
      JSON.parse(readFileSync(new URL('../package.json', pathToFileURL(entry)), 'utf8')),
    )
    return `genai-prices@${version}`
  } catch (error) {
    if (error instanceof Error) return 'genai-prices'
    throw error
  }
}
