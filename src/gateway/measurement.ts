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
  /** Whether it is one request to a meter of requests: billable, or unread. A count, a poll or a submission is none. */
  counts_as_request: boolean
  response_id: string | null
  /** Names work whose result may be fetched many times, and is charged once; null: the answer is charged by itself. */
  job_id: string | null
  /** The answer only says that the work of `job_id` has begun. */
  submits: boolean
  provider_status: number | null
  note: string | null
}

const count = z.number().nonnegative().optional()
const word = z.string().max(100).optional()

/** Every field of `Usage`, so that neither a report nor a host's function can say less than our readers. */
const counts = {
  input_tokens: count,
  output_tokens: count,
  total_tokens: count,
  summed_requests: count,
  billed_input_tokens: count,
  cache_read_tokens: count,
  cache_write_tokens: count,
  cache_write_5m_tokens: count,
  cache_write_1h_tokens: count,
  reasoning_tokens: count,
  input_audio_tokens: count,
  output_audio_tokens: count,
  cache_read_audio_tokens: count,
  input_image_tokens: count,
  output_image_tokens: count,
  input_characters: count,
  output_characters: count,
  input_seconds: count,
  output_seconds: count,
  input_channels: count,
  images: count,
  image_size: word,
  image_quality: word,
  input_image_pixels: count,
  pages: count,
  search_units: count,
  web_search_requests: count,
  file_search_requests: count,
  credits: count,
  billable_units: count,
  service_tier: word,
  inference_geo: word,
  speed: word,
} satisfies Record<Exclude<keyof Usage, 'cost_usd_reported' | 'sub_usage'>, z.ZodType>

const subUsage = z.strictObject({ ...counts, cost_usd_reported: count, model: z.string() })

/** What a host may report of work it did itself. */
export const reportedUsageSchema = z.strictObject({
  ...counts,
  provider: z.string().optional(),
  model: z.string().optional(),
  cost: z
    .string()
    .refine((text) => isMoneyText(text) && !text.startsWith('-'), 'a decimal string of dollars')
    .optional(),
})

/** What a host's own `usage` function may say of an answer. */
export const hostUsageSchema = z.strictObject({
  ...counts,
  cost_usd_reported: count,
  sub_usage: z.array(subUsage).optional(),
  model: z.string().optional(),
})

export type ReportedUsage = z.input<typeof reportedUsageSchema>

export function measurementOfReading(
  reading: Reading,
  provider: ConfiguredProvider | null,
  call: Call | null,
  provider_status: number | null,
): Measurement {
  const { assumed, usage } = reading
  const models = [reading.model, call?.model ?? null].filter((model) => model !== null)
  return {
    usage: isEmpty(assumed) ? usage : { ...assumed, ...usage },
    usage_source: !reading.billable ? 'none' : reading.estimated ? 'estimated' : 'provider',
    models,
    provider,
    cost: null,
    billable: reading.billable,
    counts_as_request: reading.billable || reading.unread,
    response_id: reading.response_id,
    job_id: reading.dedupe_id,
    submits: reading.pending && call?.method === 'POST',
    provider_status,
    note: reading.reason,
  }
}

function isEmpty(usage: Usage): boolean {
  for (const _ in usage) return false
  return true
}

/**
 * @throws GatewayError `invalid_request` that names each wrong field.
 */
export function measurementOfReport(
  reported: ReportedUsage,
  providers: readonly ConfiguredProvider[],
  provider_status: number | null,
): Measurement {
  const { provider: key, model, cost, ...told } = parseInput(reportedUsageSchema, reported, 'The reported usage')
  const usage: Usage = Object.fromEntries(Object.entries(told).filter(([, value]) => value !== undefined))
  const provider =
    key === undefined ? null : (providers.find((entry) => entry.key === key) ?? { key, priceProvider: null })
  return {
    usage,
    usage_source: 'reported',
    models: model === undefined ? [] : [model],
    provider,
    cost: cost === undefined ? null : parseMoney(cost),
    billable: true,
    counts_as_request: true,
    response_id: null,
    job_id: null,
    submits: false,
    provider_status,
    note: null,
  }
}
