// The record's text: what a storage keeps of it as JSON, without what is as in every record that has only begun.
import { blankRecord, noModelUsage } from './new-record.ts'
import type { ModelUsage, RequestRecord } from './request-record.ts'

/** @returns JSON: of a record that has only begun less than half of the whole, of a finished one some six sevenths. */
export function textOfRecord(record: RequestRecord): string {
  return JSON.stringify(toldOf(record))
}

/** What such a text says, whole again; not yet checked. */
export function recordInText(text: string): unknown {
  const json: unknown = JSON.parse(text)
  if (!isObject(json)) return json
  const { model_usage } = json
  return {
    ...blankRecord,
    ...json,
    model_usage: isObject(model_usage) ? { ...noModelUsage, ...model_usage } : noModelUsage,
  }
}

/** What of a record differs from a blank one, and so all that its text has to say. */
export function toldOf(record: RequestRecord): ToldRecord {
  // Field by field: two are made for every call.
  return {
    request_id: record.request_id,
    status: told(record.status, blankRecord.status),
    customer_id: record.customer_id,
    meter_id: record.meter_id,
    provider: record.provider,
    provider_key_type: record.provider_key_type,
    model: record.model,
    endpoint: record.endpoint,
    response_id: told(record.response_id, blankRecord.response_id),
    provider_status: told(record.provider_status, blankRecord.provider_status),
    model_usage: record.model_usage === noModelUsage ? undefined : toldUsageOf(record.model_usage),
    usage: told(record.usage, blankRecord.usage),
    usage_source: told(record.usage_source, blankRecord.usage_source),
    cost: told(record.cost, blankRecord.cost),
    cost_explanation: told(record.cost_explanation, blankRecord.cost_explanation),
    charge: told(record.charge, blankRecord.charge),
    held: record.held,
    balance_after: told(record.balance_after, blankRecord.balance_after),
    note: told(record.note, blankRecord.note),
    metadata: record.metadata,
    timestamp: told(record.timestamp, blankRecord.timestamp),
    created_at: record.created_at,
  }
}

type Told<Fields> = { [Name in keyof Fields]: Fields[Name] | undefined }
type ToldRecord = Told<Omit<RequestRecord, 'model_usage'>> & { model_usage: Told<ModelUsage> | undefined }

function toldUsageOf(usage: ModelUsage): Told<ModelUsage> {
  return {
    input_tokens: told(usage.input_tokens, noModelUsage.input_tokens),
    output_tokens: told(usage.output_tokens, noModelUsage.output_tokens),
    total_tokens: told(usage.total_tokens, noModelUsage.total_tokens),
    input_characters: told(usage.input_characters, noModelUsage.input_characters),
    output_characters: told(usage.output_characters, noModelUsage.output_characters),
    total_characters: told(usage.total_characters, noModelUsage.total_characters),
    input_seconds: told(usage.input_seconds, noModelUsage.input_seconds),
    output_seconds: told(usage.output_seconds, noModelUsage.output_seconds),
    total_seconds: told(usage.total_seconds, noModelUsage.total_seconds),
    input_cost: told(usage.input_cost, noModelUsage.input_cost),
    output_cost: told(usage.output_cost, noModelUsage.output_cost),
    total_cost: told(usage.total_cost, noModelUsage.total_cost),
  }
}

/** JSON leaves out what is undefined. */
function told<Value>(value: Value, blankValue: Value): Value | undefined {
  return value === blankValue ? undefined : value
}

function isObject(json: unknown): json is Record<string, unknown> {
  return typeof json === 'object' && json !== null
}
