// A measurement: what a request used, read from an answer or told by a report, ready to be priced.
import { z } from 'zod'
import { isMoneyText, parseMoney, type Money } from '../money.ts'
import { parseInput } from '../option.ts'
import type { Call } from '../providers/call.ts'
import type { Reading } from '../providers/usage-meter.ts'
import type { Usage, UsageSource } from '../usage.ts'
import type { ConfiguredProvider } from './configured-provider.ts'

export interface Measurement {
  usage: Usage
  usage_source: UsageSource
  /** Models to look the price up by, the surest first: the answer's, then the request's. */
  models: readonly string[]
  /** Whose price table holds them; null: only the host's own prices may. */
  provider: Pick<ConfiguredProvider, 'key' | 'priceProvider'> | null
  /** What the host says it cost; goes before any price. */
  cost: Money | null
  /** False: the provider does not bill such an answer, so an unknown price is no loss. */
  billable: boolean
  response_id: string | null
  /** Names work whose result may be fetched many times, and is charged once; null: the answer is charged by itself. */
  job_id: string | null
  provider_status: number | null
  note: string | null
}

const count = z.number().nonnegative().optional()

/** What a host may report of work it did itself. */
export const reportedUsageSchema = z.strictObject({
  input_tokens: count,
  output_tokens: count,
  cache_read_tokens: count,
  cache_write_tokens: count,
  input_characters: count,
  output_characters: count,
  input_seconds: count,
  output_seconds: count,
  images: count,
  provider: z.string().optional(),
  model: z.string().optional(),
  cost: z
    .string()
    .refine((text) => isMoneyText(text) && !text.startsWith('-'), 'a decimal string of dollars')
    .optional(),
})

export type ReportedUsage = z.input<typeof reportedUsageSchema>

export function measurementOfReading(
  reading: Reading,
  provider: ConfiguredProvider | null,
  call: Call | null,
  provider_status: number | null,
): Measurement {
  const models = [reading.model, call?.model ?? null].filter((model) => model !== null)
  return {
    usage: reading.usage,
    usage_source: !reading.billable ? 'none' : reading.estimated ? 'estimated' : 'provider',
    models,
    provider,
    cost: null,
    billable: reading.billable,
    response_id: reading.response_id,
    // Whoever started the work gets its answer once; a GET can be repeated.
    job_id: call?.method === 'GET' ? reading.dedupe_id : null,
    provider_status,
    note: reading.reason,
  }
}

/**
 * @throws GatewayError `invalid_request` that names each wrong field.
 */
export function measurementOfReport(
  reported: ReportedUsage,
  providers: readonly ConfiguredProvider[],
  provider_status: number | null,
): Measurement {
  const { provider: key, model, cost, ...counts } = parseInput(reportedUsageSchema, reported, 'The reported usage')
  const usage: Usage = Object.fromEntries(Object.entries(counts).filter(([, value]) => value !== undefined))
  const provider =
    key === undefined ? null : (providers.find((entry) => entry.key === key) ?? { key, priceProvider: null })
  return {
    usage,
    usage_source: 'reported',
    models: model === undefined ? [] : [model],
    provider,
    cost: cost === undefined ? null : parseMoney(cost),
    billable: true,
    response_id: null,
    job_id: null,
    provider_status,
    note: null,
  }
}
