// The request record: one billed request, in the shape in which it is stored and answered.
import { z } from 'zod'
import { isMoneyText } from '../money.ts'

const amount = z.string().refine(isMoneyText, 'not an amount with at most ten decimals')
const count = z.number().nonnegative()

const priceLine = z.object({
  /** What is priced: a usage field, such as `cache_read_tokens`. */
  quantity_of: z.string(),
  quantity: z.number(),
  /** Dollars for `per` of them, as a decimal string. */
  unit_price: z.string(),
  per: z.number(),
  /** What the unit price is multiplied by: `service_tier=flex` with `0.5`. A factor is a decimal or a ratio (`5/3`). */
  modifiers: z.array(z.object({ name: z.string(), factor: z.string() })).optional(),
  /** Where the unit price is from, when not from the explanation's `source`. */
  source: z.string().optional(),
  model: z.string().optional(),
})

/** How the cost was found, complete enough to compute it again (design 5.17). */
const costExplanation = z.object({
  /** `provider` (it reported a cost), `host` (the `prices` option), or the price table's name and version. */
  source: z.string(),
  model: z.string().nullable(),
  lines: z.array(priceLine),
  /** What was used, or under which condition, and is in no line because its price is unknown. */
  unpriced: z.array(z.string()).optional(),
})

const modelUsage = z.object({
  input_tokens: count,
  output_tokens: count,
  total_tokens: count,
  input_characters: count,
  output_characters: count,
  total_characters: count,
  input_seconds: count,
  output_seconds: count,
  total_seconds: count,
  input_cost: amount,
  output_cost: amount,
  total_cost: amount,
})

const charge = z.object({
  amount,
  rate_type: z.enum(['fixed', 'percentage']),
  breakdown: z.array(
    z.object({
      tier: z.object({ start: z.number(), rate: z.string(), type: z.string() }),
      tokens: count,
      characters: count,
      seconds: count,
      requests: count,
      cost: amount,
    }),
  ),
})

export const requestRecordSchema = z.object({
  request_id: z.string(),
  /** `error` says that metering failed, not that the provider did. */
  status: z.enum(['pending', 'completed', 'error']),
  customer_id: z.string().nullable(),
  /** The meter's slug; meters have no other id. */
  meter_id: z.string().nullable(),
  provider: z.string(),
  provider_key_type: z.enum(['managed', 'unmanaged']),
  model: z.string().nullable(),
  /** Method and URL, without its query: `POST https://api.openai.com/v1/chat/completions`. */
  endpoint: z.string(),
  response_id: z.string().nullable(),
  /** The status that the provider answered; null while pending and for reports. */
  provider_status: z.number().nullable(),
  model_usage: modelUsage,
  /** Every count as it was read, parts such as `cache_read_tokens` included. */
  usage: z.record(z.string(), z.unknown()),
  usage_source: z.enum(['provider', 'estimated', 'reported', 'none']),
  cost: amount,
  cost_explanation: costExplanation.nullable(),
  charge: charge.nullable(),
  /** What was set aside before the call. */
  held: amount,
  /** The customer's balance after this record's charge; null while pending or without a customer. */
  balance_after: amount.nullable(),
  /** Why nothing was charged, or what went wrong; null when there is nothing to say. */
  note: z.string().nullable(),
  metadata: z.record(z.string(), z.string()),
  /** When it was completed, ISO 8601; null while pending. */
  timestamp: z.string().nullable(),
  created_at: z.string(),
})

export type RequestRecord = z.infer<typeof requestRecordSchema>
export type ModelUsage = RequestRecord['model_usage']

/** What a record's note says when there is more to say. */
export function joinedNotes(note: string | null, more: string): string {
  return note === null ? more : `${note}; ${more}`
}
