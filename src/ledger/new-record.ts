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

/** All zero, to be added to. */
export function newModelUsage(): ModelUsage {
  return {
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
  }
}

export const noModelUsage: ModelUsage = Object.freeze(newModelUsage())

/** What every record begins with: all that is not told of its beginning. */
const blank = {
  status: 'pending',
  response_id: null,
  provider_status: null,
  model_usage: noModelUsage,
  usage: Object.freeze({}),
  usage_source: 'none',
  cost: zero,
  cost_explanation: null,
  charge: null,
  balance_after: null,
  note: null,
  timestamp: null,
} as const satisfies Omit<RequestRecord, keyof RecordBeginning>

/** The pending record, which is the hold (design 5.2). */
export function pendingRecord(beginning: RecordBeginning): RequestRecord {
  // Field by field: one is made for every call, and a literal is several times faster than copies laid over each other.
  return {
    request_id: beginning.request_id,
    status: 'pending',
    customer_id: beginning.customer_id,
    meter_id: beginning.meter_id,
    provider: beginning.provider,
    provider_key_type: beginning.provider_key_type,
    model: beginning.model,
    endpoint: beginning.endpoint,
    response_id: null,
    provider_status: null,
    model_usage: noModelUsage,
    usage: blank.usage,
    usage_source: 'none',
    cost: zero,
    cost_explanation: null,
    charge: null,
    held: formatMoney(beginning.held),
    balance_after: null,
    note: null,
    metadata: { ...beginning.metadata },
    timestamp: null,
    created_at: beginning.created_at,
  }
}

/** What of a record differs from `blank`: all that its text has to say, some two thirds of it. */
export function toldOf(record: RequestRecord): ToldRecord {
  // Field by field: two are made for every call.
  return {
    request_id: record.request_id,
    status: told(record.status, blank.status),
    customer_id: record.customer_id,
    meter_id: record.meter_id,
    provider: record.provider,
    provider_key_type: record.provider_key_type,
    model: record.model,
    endpoint: record.endpoint,
    response_id: told(record.response_id, null),
    provider_status: told(record.provider_status, null),
    model_usage: record.model_usage === noModelUsage ? undefined : toldUsageOf(record.model_usage),
    usage: record.usage === blank.usage ? undefined : record.usage,
    usage_source: told(record.usage_source, blank.usage_source),
    cost: told(record.cost, zero),
    cost_explanation: told(record.cost_explanation, null),
    charge: told(record.charge, null),
    held: record.held,
    balance_after: told(record.balance_after, null),
    note: told(record.note, null),
    metadata: record.metadata,
    timestamp: told(record.timestamp, null),
    created_at: record.created_at,
  }
}

type Told<Fields> = { [Name in keyof Fields]: Fields[Name] | undefined }
type ToldRecord = Told<Omit<RequestRecord, 'model_usage'>> & { model_usage: Told<ModelUsage> | undefined }

function toldUsageOf(usage: ModelUsage): Told<ModelUsage> {
  return {
    input_tokens: told(usage.input_tokens, 0),
    output_tokens: told(usage.output_tokens, 0),
    total_tokens: told(usage.total_tokens, 0),
    input_characters: told(usage.input_characters, 0),
    output_characters: told(usage.output_characters, 0),
    total_characters: told(usage.total_characters, 0),
    input_seconds: told(usage.input_seconds, 0),
    output_seconds: told(usage.output_seconds, 0),
    total_seconds: told(usage.total_seconds, 0),
    input_cost: told(usage.input_cost, zero),
    output_cost: told(usage.output_cost, zero),
    total_cost: told(usage.total_cost, zero),
  }
}

/** JSON leaves out what is undefined. */
function told<Value>(value: Value, blankValue: Value): Value | undefined {
  return value === blankValue ? undefined : value
}

/** The record as JSON text, without what is as in every record that has only begun. */
export function textOfRecord(record: RequestRecord): string {
  return JSON.stringify(toldOf(record))
}

/** What such a text says, whole again; not yet checked. */
export function recordInText(text: string): unknown {
  const json: unknown = JSON.parse(text)
  if (!isObject(json)) return json
  const { model_usage } = json
  return { ...blank, ...json, model_usage: isObject(model_usage) ? { ...noModelUsage, ...model_usage } : noModelUsage }
}

function isObject(json: unknown): json is Record<string, unknown> {
  return typeof json === 'object' && json !== null
}
