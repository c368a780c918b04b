// Service tiers: what a provider asks for slower, faster or regional work, as factors on its token prices.
import type { Usage } from '../usage.ts'
import type { ModelPrice } from './model-price.ts'

export interface Modifier {
  /** The field of `Usage` and its value: `service_tier=flex`. */
  name: string
  /** A decimal, or a ratio where no decimal is exact: `0.5`, `5/3`. */
  factor: string
}

export interface Modifiers {
  readonly known: Modifier[]
  /** Names of conditions whose price nobody told: the list price may be wrong, and the record has to say so. */
  readonly unknown: readonly string[]
}

/** The conditions under which an answer was made. */
export type Conditions = Pick<Usage, 'service_tier' | 'inference_geo' | 'speed'>

const conditionFields = ['service_tier', 'inference_geo', 'speed'] as const

/** Of nearly every answer. */
const listPrice: Modifiers = Object.freeze({ known: [], unknown: [] })

/**
 * The factors on a price's tokens; fees, seconds and characters cost the same in every tier.
 * Prepaid capacity costs nothing per request, except where the host gave a price of its own for it.
 */
export function modifiersOf({ priceProvider, model, source }: ModelPrice, conditions: Conditions): Modifiers {
  let found = listPrice
  for (const field of conditionFields) {
    const told = conditions[field]
    if (told === undefined || isStandard(field, told)) continue
    const name = `${field}=${told}`
    const factor = factorOf(priceProvider, field, plainValue(told), model)
    if (factor === null) found = { known: found.known, unknown: [...found.unknown, name] }
    else if (factor !== '1' && !(factor === prepaid && source === 'host'))
      found = { known: [...found.known, { name, factor }], unknown: found.unknown }
  }
  return found
}

function isStandard(field: keyof Conditions, told: string): boolean {
  return standard[field].includes(told) || standard[field].includes(plainValue(told))
}

/** Values that mean the list price, at every provider. */
const standard: Readonly<Record<keyof Conditions, readonly string[]>> = {
  // `auto` is what was asked for; whoever was served otherwise is told so in the answer. Snowflake sends ''.
  service_tier: ['', 'default', 'standard', 'standard_only', 'auto', 'on_demand', 'unspecified'],
  inference_geo: ['', 'global', 'not_available'],
  speed: ['', 'standard'],
}

const prepaid = '0'

interface Factor {
  priceProvider: string
  field: keyof Conditions
  values: readonly string[]
  /** By their names in the price table. Absent: all of the provider's. */
  models?: readonly string[]
  factor: string
}

/** OpenAI renamed priority processing to fast mode on 2026-07-30; both names are accepted (openai.com/api-fast-mode). */
const openaiFast = ['priority', 'fast']

const factors: readonly Factor[] = [
  // developers.openai.com/api/docs/guides/flex-processing and /batch, 2026: half the price.
  { priceProvider: 'openai', field: 'service_tier', values: ['flex', 'batch'], factor: '0.5' },
  // openai.com/api-scale-tier: paid by the day, not by the token.
  { priceProvider: 'openai', field: 'service_tier', values: ['scale'], factor: prepaid },
  // openai.com/api-fast-mode and openai.com/api-priority-processing, read 2026-11-23, over the list price of the same page's day.
  { priceProvider: 'openai', field: 'service_tier', values: openaiFast, models: ['gpt-5.5'], factor: '2.5' },
  {
    priceProvider: 'openai',
    field: 'service_tier',
    values: openaiFast,
    models: [
      'gpt-5.6-sol', 'gpt-5.6-terra', 'gpt-5.6-luna', 'gpt-5.4', 'gpt-5.4-mini', 'gpt-5.2', 'gpt-5.1', 'gpt-5', 'gpt-4.1-nano',
    ], // prettier-ignore
    factor: '2',
  },
  { priceProvider: 'openai', field: 'service_tier', values: openaiFast, models: ['gpt-5-mini'], factor: '1.8' },
  {
    priceProvider: 'openai',
    field: 'service_tier',
    values: openaiFast,
    models: ['gpt-4.1', 'gpt-4.1-mini', 'gpt-4o-2024-05-13', 'o3'],
    factor: '1.75',
  },
  { priceProvider: 'openai', field: 'service_tier', values: openaiFast, models: ['gpt-4o'], factor: '1.7' },
  // $0.25 for $0.15, and $2.00 for $1.10, in all three columns.
  { priceProvider: 'openai', field: 'service_tier', values: openaiFast, models: ['gpt-4o-mini'], factor: '5/3' },
  { priceProvider: 'openai', field: 'service_tier', values: openaiFast, models: ['o4-mini'], factor: '20/11' },
  // azure.microsoft.com/pricing/details/azure-openai, 2026-10-07: batches at a 50 % discount.
  { priceProvider: 'azure', field: 'service_tier', values: ['batch'], factor: '0.5' },
  // platform.claude.com/docs/en/about-claude/pricing, 2026: batches at half; `us` 1.1 times, on all token prices.
  { priceProvider: 'anthropic', field: 'service_tier', values: ['batch'], factor: '0.5' },
  { priceProvider: 'anthropic', field: 'inference_geo', values: ['us'], factor: '1.1' },
  // openrouter.ai/anthropic/claude-opus-5-fast and vercel.com/ai-gateway/models/claude-opus-5-fast: $10/$50, 2026-07-24;
  // Opus 4.8 the same (dev.to/aakira, 2026). platform.claude.com/docs/en/build-with-claude/fast-mode, 2026-02: Opus 4.6 six times.
  {
    priceProvider: 'anthropic',
    field: 'speed',
    values: ['fast'],
    models: ['claude-opus-5', 'claude-opus-4-8'],
    factor: '2',
  },
  { priceProvider: 'anthropic', field: 'speed', values: ['fast'], models: ['claude-opus-4-6'], factor: '6' },
  // ai.google.dev/gemini-api/docs/optimization, 2026: flex and batch at 50 %. Priority is 75 % to 100 % more by model, not said which.
  { priceProvider: 'google', field: 'service_tier', values: ['flex', 'batch'], factor: '0.5' },
  { priceProvider: 'google', field: 'service_tier', values: ['provisioned_throughput'], factor: prepaid },
  // docs.aws.amazon.com/bedrock/latest/userguide/service-tiers-inference.html: reserved capacity is paid by the month; batch at half.
  // The discount of flex and the premium of priority are not published as figures.
  { priceProvider: 'aws', field: 'service_tier', values: ['batch'], factor: '0.5' },
  { priceProvider: 'aws', field: 'service_tier', values: ['reserved'], factor: prepaid },
  // console.groq.com/docs/flex-processing, 2026: pricing matches the on-demand tier; groq.com/pricing, 2026-05-08: batches at half.
  { priceProvider: 'groq', field: 'service_tier', values: ['flex'], factor: '1' },
  { priceProvider: 'groq', field: 'service_tier', values: ['batch'], factor: '0.5' },
]

function factorOf(priceProvider: string | null, field: keyof Conditions, value: string, model: string): string | null {
  const row = factors.find(
    (each) =>
      each.priceProvider === priceProvider &&
      each.field === field &&
      each.values.includes(value) &&
      (each.models?.includes(model.toLowerCase()) ?? true),
  )
  return row?.factor ?? null
}

/** Gemini says `SERVICE_TIER_FLEX` in some versions, Vertex `ON_DEMAND_FLEX`. */
function plainValue(told: string): string {
  return told.toLowerCase().replace(/^(?:service_tier|traffic_type|on_demand)_/, '')
}
