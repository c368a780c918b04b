// Tables: what an embedded storage keeps its rows in, and the acts that are carried out on them.
import type { Balance } from '../ledger/balance.ts'
import type { CreditAct, MeterTotalKey, RequestsQuery, UsageDay, UsageQuery } from '../ledger/storage-adapter.ts'
import type { RequestRow } from './request-row.ts'

/** Rows by their keys, without rules. All calls are synchronous; only `transact` decides when they become durable. */
export interface Tables {
  /** Carries out the acts that `transact` has taken, then lets go of the tables. */
  close(): Promise<void>
  /**
   * Carries out one act: all of it happens, or none when it rejects. `plan` only reads; no other act comes between it and its
   * write. It may be called again when nothing of its first call was kept.
   */
  transact<Outcome>(plan: () => Plan<Outcome>): Promise<Outcome>

  requestRow(request_id: string): RequestRow | null
  insertRequest(row: RequestRow): void
  /** Only what may change after the insertion is written: not who pays, its fingerprint, nor when it was created. */
  updateRequest(row: RequestRow, existing: RequestRow): void
  moveExpiry(request_id: string, expires_at_ms: number): void
  balance(customer_id: string): Balance | null
  putBalance(customer_id: string, balance: Balance): void
  entry(entry_id: string): CreditAct | null
  insertEntry(entry: CreditAct): void
  total(key: MeterTotalKey): bigint
  putTotal(key: MeterTotalKey, total: bigint): void

  /** Records of open holds, the earliest expiry first. */
  expired(now_ms: number, limit: number): RequestRow[]
  /** Newest first, of those before `before_sequence`. */
  listed(query: ListedQuery): ListedRow[]
  usage(query: UsageQuery): UsageDay[]

  /** JSON text. */
  document(kind: string, id: string): string | null
  putDocument(kind: string, id: string, document: string): void
  documents(kind: string, after_id: string | null, limit: number): { id: string; document: string }[]
  deleteDocument(kind: string, id: string): void
}

/** Unambiguous whatever the ids hold. */
export function totalKey({ customer_id, meter_id, cycle }: MeterTotalKey): string {
  return `${customer_id.length} ${meter_id.length} ${customer_id}${meter_id}${cycle}`
}

/** What an act answers, and what it has to write for that; null when it changes nothing. */
export interface Plan<Outcome> {
  outcome: Outcome
  write: (() => void) | null
  /** The answer to a caller who will wait for the disk himself, where there is something to wait for. */
  beforeDurable?: (durable: Promise<void>) => Outcome
}

export type ListedQuery = Pick<RequestsQuery, 'customer_id' | 'meter_id' | 'metadata' | 'limit'> & {
  before_sequence: number | null
}

export interface ListedRow {
  sequence: number
  record: string
}
