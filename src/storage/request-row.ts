// A request row: a record as a storage keeps it, JSON text beside the columns that acts and reads go by.
import assert from 'node:assert/strict'
import { z } from 'zod'
import { parseMoney, zeroMoney, type Money } from '../money.ts'
import { recordInText, textOfRecord } from '../ledger/record-text.ts'
import { requestRecordSchema, type RequestRecord } from '../ledger/request-record.ts'

export interface RequestRow {
  request_id: string
  customer_id: string | null
  meter_id: string | null
  status: RequestRecord['status']
  /** The first one that came with this id; it decides between a retry and a reused id ever after. */
  fingerprint: string
  /** What is set aside at this moment: zero once finished, and for a record without a customer. */
  held: Money
  /** Released by recovery: a late settlement is still taken. */
  lost: boolean
  /** Null once finished. */
  expires_at_ms: number | null
  created_at: string
  created_at_ms: number
  cost: Money
  charge: Money
  total_tokens: number
  /** The record's metadata as JSON text. */
  metadata: string
  /** The whole record as JSON text. */
  record: string
}

/** What a row knows beyond its record. */
export interface RequestRowState extends Pick<
  RequestRow,
  'fingerprint' | 'held' | 'lost' | 'expires_at_ms' | 'charge'
> {
  /** Where it is known already: reading it takes longer than the rest of the row. */
  created_at_ms?: number | undefined
}

/**
 * The row of a record. Fields that are `undefined` are left out, as JSON does.
 *
 * @param text the record's own text, where it is not all of it.
 */
export function rowOf(record: RequestRecord, state: RequestRowState, text = textOfRecord(record)): RequestRow {
  const created_at_ms = state.created_at_ms ?? Date.parse(record.created_at)
  assert.ok(Number.isFinite(created_at_ms), 'created_at is a time')
  return {
    request_id: record.request_id,
    customer_id: record.customer_id,
    meter_id: record.meter_id,
    status: record.status,
    fingerprint: state.fingerprint,
    held: state.held,
    lost: state.lost,
    expires_at_ms: state.expires_at_ms,
    created_at: record.created_at,
    created_at_ms,
    cost: storable(parseMoney(record.cost)),
    charge: state.charge,
    total_tokens: record.model_usage.total_tokens,
    metadata: metadataTextOf(record.metadata),
    record: text,
  }
}

function metadataTextOf(metadata: RequestRecord['metadata']): string {
  for (const _ in metadata) return JSON.stringify(metadata)
  return '{}'
}

/** Reads a row's record back and checks that text and columns still agree. */
export function recordOf(row: Pick<RequestRow, 'request_id' | 'status' | 'charge' | 'record'>): RequestRecord {
  const record = readRecord(row.record)
  assert.equal(record.request_id, row.request_id, 'the stored record has the id of its row')
  assert.equal(record.status, row.status, 'the stored record has the status of its row')
  assert.equal(parseMoney(record.charge?.amount ?? '0'), record.charge ? row.charge : zeroMoney)
  return record
}

/** Reads a record's JSON text, as the pages of a listing do. */
export function readRecord(text: string): RequestRecord {
  return requestRecordSchema.parse(recordInText(text))
}

/** The pairs of a row's `metadata` column. */
export function pairsOf(metadata: string): Map<string, string> {
  return metadata === '{}' ? new Map<string, string>() : new Map(Object.entries(metadataText.parse(metadata)))
}

const metadataText = z
  .string()
  .transform((text): unknown => JSON.parse(text))
  .pipe(z.record(z.string(), z.string()))

const storableMax = 2n ** 63n - 1n

/**
 * Lets through what fits 64 bits, the widest integer that SQLite keeps exactly (some 922 million dollars).
 *
 * @throws RangeError otherwise, so that no amount wraps around or turns into a float.
 */
export function storable<Amount extends bigint>(amount: Amount): Amount {
  if (amount > storableMax || amount < -storableMax)
    throw new RangeError(`the amount ${amount.toString()} does not fit 64 bits: nothing was stored`)
  return amount
}

/** `storable` for money that may not be negative. */
export function storableAmount(amount: Money, what: string): Money {
  assert.ok(amount >= zeroMoney, `${what} is not negative`)
  return storable(amount)
}
