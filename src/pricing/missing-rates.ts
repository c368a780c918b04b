// Missing rates: what providers ask beyond plain tokens (each search, each audio token), where the price table has none.
import { flatRate, type ModelPrice, type Rate, type RateName } from './model-price.ts'

interface MissingRate {
  priceProvider: string
  /** By its name in the price table. */
  models: RegExp
  rate: RateName
  dollars: string
  per: number
}

/** The day on which the figures below were read. */
const source = 'lava-gateway@2026-11-23'

/** List prices; Google's free daily searches are not known to an answer. */
const missingRates: readonly MissingRate[] = [
  // developers.openai.com/api/docs/pricing, as genai-prices 0.1.8 has it for most models: $10 and $2.50 per thousand calls.
  { priceProvider: 'openai', models: /^(?:gpt-[456]|o\d)/, rate: 'web_search_requests', dollars: '10', per: 1_000 },
  { priceProvider: 'openai', models: /^(?:gpt-[456]|o\d)/, rate: 'file_search_requests', dollars: '2.50', per: 1_000 },
  // platform.claude.com/docs/en/about-claude/pricing: web search $10 per thousand searches; web fetch is free.
  { priceProvider: 'anthropic', models: /^claude-/, rate: 'web_search_requests', dollars: '10', per: 1_000 },
  // ai.google.dev/gemini-api/docs/pricing: grounding is $35 per thousand prompts up to 2.5, $14 per thousand queries since 3.
  { priceProvider: 'google', models: /^gemini-[12]\./, rate: 'web_search_requests', dollars: '35', per: 1_000 },
  { priceProvider: 'google', models: /^gemini-3/, rate: 'web_search_requests', dollars: '14', per: 1_000 },
  // developers.openai.com/api/docs/pricing: audio tokens of the audio models, which the table has at the price of text.
  {
    priceProvider: 'openai',
    models: /^gpt-4o-audio-preview/,
    rate: 'input_audio_tokens',
    dollars: '40',
    per: 1_000_000,
  },
  {
    priceProvider: 'openai',
    models: /^gpt-4o-audio-preview/,
    rate: 'output_audio_tokens',
    dollars: '80',
    per: 1_000_000,
  },
  {
    priceProvider: 'openai',
    models: /^gpt-4o-mini-audio-preview/,
    rate: 'input_audio_tokens',
    dollars: '10',
    per: 1_000_000,
  },
  {
    priceProvider: 'openai',
    models: /^gpt-4o-mini-audio-preview/,
    rate: 'output_audio_tokens',
    dollars: '20',
    per: 1_000_000,
  },
]

/** The price with the rates that it lacks; each says where it is from. */
export function withMissingRates(price: ModelPrice): ModelPrice {
  const added: Partial<Record<RateName, Rate>> = {}
  for (const { priceProvider, models, rate, dollars, per } of missingRates) {
    const model = price.model.toLowerCase()
    if (priceProvider === price.priceProvider && models.test(model)) added[rate] = { ...flatRate(dollars, per), source }
  }
  return Object.freeze({ ...price, rates: { ...added, ...price.rates } })
}
