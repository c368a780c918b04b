// A new request record: everything known when the request begins, the rest zero.
import { formatMoney, zeroMoney, type Money } from '../money.ts'
import type { Metadata } from './metadata.ts'
import type { ModelUsage, RequestRecord } from './request-record.ts'

export interface RecordBeginning {
  request_id: string
  customer_id: string | null
  meter_id: string | null
  provider: string
  provider_key_type: RequestRecord['provider_key_type']
  model: string | null
  endpoint: string
  held: Money
  metadata: Metadata
  created_at: string
}

const zero = formatMoney(zeroMoney)

export const noModelUsage: ModelUsage = Object.freeze({
  input_tokens: 0,
  output_tokens: 0,
  total_tokens: 0,
  input_characters: 0,
  output_characters: 0,
  total_characters: 0,
  input_seconds: 0,
  output_seconds: 0,
  total_seconds: 0,
  input_cost: zero,
  output_cost: zero,
  total_cost: zero,
})

/** The pending record, which is the hold (design 5.2). */
export function pendingRecord({ held, metadata, ...beginning }: RecordBeginning): RequestRecord {
  return {
    ...beginning,
    status: 'pending',
    response_id: null,
    provider_status: null,
    model_usage: noModelUsage,
    usage: {},
    usage_source: 'none',
    cost: zero,
    cost_explanation: null,
    charge: null,
    held: formatMoney(held),
    balance_after: null,
    note: null,
    metadata: { ...metadata },
    timestamp: null,
  }
}
