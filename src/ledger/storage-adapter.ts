// The storage adapter: the contract that every storage keeps, and that the conformance suite proves.
import type { Money } from '../money.ts'
import type { Balance } from './balance.ts'
import type { RequestRecord } from './request-record.ts'

/**
 * Where balances and records live. Each method is one atomic act: when it resolves, all of it is durable; when it rejects,
 * none of it happened, or the caller may repeat it with the same id and gets the first outcome. Expected outcomes are values;
 * a rejection means that the storage is away. The acts hold however many callers, processes and machines race.
 */
export interface StorageAdapter {
  /** Creates tables where they are missing and makes the storage ready. Called once before any act. */
  open(): Promise<void>
  /** Finishes the acts under way and lets go of what `open` took. The host's own client stays open. */
  close(): Promise<void>

  /** Writes the pending record and sets the money aside, or refuses. */
  hold(act: HoldAct): Promise<HoldOutcome>
  /** Debits the charge, frees the hold, completes the record. A report has no hold before it and writes the record here. */
  settle(act: SettleAct): Promise<SettleOutcome>
  /** Frees the hold, takes nothing, finishes the record. */
  release(act: ReleaseAct): Promise<ReleaseOutcome>
  /** Moves the expiry of an open hold. */
  renew(act: RenewAct): Promise<RenewOutcome>
  /** Adds money to a customer, once per `entry_id`. */
  credit(act: CreditAct): Promise<CreditOutcome>

  /** The customer's balance; an unknown customer has an empty one. */
  balance(customer_id: string): Promise<Balance>
  /** Units (in millionths) that a customer has used on a meter in a billing cycle. */
  meterTotal(of: MeterTotalKey): Promise<bigint>
  /** Pending records whose hold expired at or before `now_ms`, oldest first, at most `limit`. */
  expired(now_ms: number, limit: number): Promise<RequestRecord[]>
  request(request_id: string): Promise<RequestRecord | null>
  /** Newest first. A page never repeats or skips a row, whatever is added meanwhile. */
  requests(query: RequestsQuery): Promise<RequestsPage>
  /** Totals of completed records by the day of their `created_at`, in the time zone of `utc_offset_minutes`. */
  usage(query: UsageQuery): Promise<UsageDay[]>

  /** Configuration kept as JSON documents (keys, customers, meters, plans). */
  document(kind: string, id: string): Promise<unknown>
  putDocument(act: PutDocumentAct): Promise<PutDocumentOutcome>
  /** Ordered by id; at most `limit` after `after_id`. */
  documents(kind: string, page: { after_id?: string; limit: number }): Promise<{ id: string; document: unknown }[]>
  deleteDocument(kind: string, id: string): Promise<boolean>
}

export interface HoldAct {
  /** `status: 'pending'`. Its `customer_id` says who pays; null: the merchant, and no money is set aside. */
  record: RequestRecord
  /** Tells a retry (same fingerprint) from a reused id (another one). */
  fingerprint: string
  amount: Money
  /** How far below zero this customer may go. */
  overdraft: Money
  /**
   * `amount`: available ≥ amount, else insufficient. `positive`: available > 0, else insufficient. `nothing`: always held.
   * Available = cycle + bundle − held + overdraft.
   */
  requires: 'amount' | 'positive' | 'nothing'
  expires_at_ms: number
}

export type HoldOutcome =
  | { outcome: 'held'; balance: Balance | null }
  | { outcome: 'insufficient'; balance: Balance }
  | { outcome: 'duplicate'; record: RequestRecord }
  | { outcome: 'reused'; record: RequestRecord }

export interface MeterTotalKey {
  customer_id: string
  meter_id: string
  /** Names the billing cycle; `''` when there is none: for ever. */
  cycle: string
}

export interface SettleAct {
  /** The record as it shall be: `completed` (or `error`, charged all the same). `balance_after` is filled in by the storage. */
  record: RequestRecord
  fingerprint: string
  charge: Money
  /** `true` for a report: there was no hold, the record is new. `false`: the record must have been held before. */
  opens: boolean
  /**
   * Adds `units` (millionths) to the customer's total on the meter. With `expected_total` the act only happens when the total
   * still is that; else the outcome is `total_moved` and the caller prices again. Null: the price does not depend on it.
   */
  total: (MeterTotalKey & { units: bigint; expected_total: bigint | null }) | null
  /** Set by recovery: act only if the hold is still open and expired at this time, else `not_held`. */
  if_expired_at_ms?: number
}

/**
 * `duplicate`: this id was settled (or released for good) before, by the same content; `record` is the first one.
 * `reused`: by other content. `not_held`: `opens` is false and nothing was held under this id (or `if_expired_at_ms` fails).
 * A record that `release` marked `lost` counts as held: its late settlement is taken once.
 */
export type SettleOutcome =
  | { outcome: 'settled'; record: RequestRecord; balance: Balance | null }
  | { outcome: 'duplicate'; record: RequestRecord }
  | { outcome: 'reused'; record: RequestRecord }
  | { outcome: 'total_moved'; total: bigint }
  | { outcome: 'not_held' }

export interface ReleaseAct {
  /** The record as it shall be: `completed` with a zero charge, or `error`. `balance_after` is filled in by the storage. */
  record: RequestRecord
  /** Recovery does not know how the call went on: a later settlement of this id is still taken. */
  lost: boolean
  /** Set by recovery: act only if the hold is still open and expired at this time, else `not_held`. */
  if_expired_at_ms?: number
}

export type ReleaseOutcome = { outcome: 'released'; record: RequestRecord } | { outcome: 'not_held' }

export interface RenewAct {
  request_id: string
  expires_at_ms: number
}

export type RenewOutcome = { outcome: 'renewed' } | { outcome: 'not_held' }

export interface CreditAct {
  /** The idempotency key; unique over all customers (a payment's event id). */
  entry_id: string
  customer_id: string
  /** Above zero. */
  amount: Money
  /** Which part it fills. */
  part: 'cycle' | 'bundle'
  created_at: string
}

/** `reused`: the same `entry_id` with another customer, amount or part. */
export type CreditOutcome =
  { outcome: 'credited'; balance: Balance } | { outcome: 'duplicate'; balance: Balance } | { outcome: 'reused' }

export interface RequestsQuery {
  customer_id?: string
  meter_id?: string
  /** All must match. */
  metadata?: Readonly<Record<string, string>>
  /** 1 to 100. */
  limit: number
  /** Opaque: `next_cursor` of the page before. A cursor that the storage did not make is an empty page. */
  cursor?: string
}

export interface RequestsPage {
  data: RequestRecord[]
  next_cursor: string | null
}

export interface UsageQuery {
  /** Both inclusive. */
  start_ms: number
  end_ms: number
  utc_offset_minutes: number
  customer_id?: string
  meter_id?: string
}

export interface UsageDay {
  /** `YYYY-MM-DD` in the query's time zone. Days without records are left out. */
  date: string
  total_requests: number
  total_usage_tokens: number
  total_cost: Money
  total_charge: Money
}

export interface PutDocumentAct {
  kind: string
  id: string
  /** Plain JSON. */
  document: unknown
  only_if_absent: boolean
}

export type PutDocumentOutcome = { outcome: 'written' } | { outcome: 'exists'; document: unknown }
