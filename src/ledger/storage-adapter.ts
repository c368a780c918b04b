// The storage adapter: the contract that every storage keeps, and that the conformance suite proves.
import type { Money } from '../money.ts'
import type { Balance } from './balance.ts'
import type { RequestsPage, RequestsQuery, UsageDay, UsageQuery } from './listing.ts'
import type { RequestRecord } from './request-record.ts'

export type { RequestsPage, RequestsQuery, UsageDay, UsageQuery }

/**
 * Where balances and records live. All of the customers' money goes through five acts: `hold`, `settle`, `release`, `renew` and
 * `credit`.
 *
 * **Atomic.** Each method is one act. When it resolves, all of it is durable (but for `durable_later`); when it rejects, all of it happened or none of
 * it. This holds however many callers, processes and machines race: whatever an act reads to decide (a balance, a total, the
 * record of an id) may not change between that look and its write. A read followed by a write without a lock overspends, and
 * fails the conformance suite.
 *
 * **Outcomes are values.** What can be expected (not enough money, an id that was used before) is an `outcome`. A rejection
 * means that the storage did not answer: the gateway refuses the call with 503, or tries a settlement again. An act that can
 * never succeed (a negative amount, an id with broken Unicode or U+0000, neither of which the gateway hands down) rejects too, and writes nothing.
 *
 * **Repeatable.** Every act carries an id and may be repeated: `hold`, `settle` and `release` by `record.request_id`, `credit` by
 * `entry_id`. A caller who repeats an act whose answer was lost is told `duplicate` (`not_held` for a release), and nothing
 * happens twice; `renew` says what shall be. A storage that repeats an act by itself (after a cut connection) gives its first outcome.
 *
 * **Units.** Amounts are `Money`: whole numbers of 1e-10 dollars, as bigint. They must be kept exactly up to ±(2^63 − 1), which is
 * some 922 million dollars; what does not fit rejects. Times are milliseconds since 1970 in UTC. Records are plain JSON and are
 * given back as they were written.
 *
 * @example
 * import { storageConformance } from 'lava-gateway/testing'
 * // make() gives a fresh, opened storage; every case must pass.
 * for (const { name, run } of storageConformance(make)) test(name, run)
 */
export interface StorageAdapter {
  /**
   * Creates tables where they are missing and makes the storage ready. Called once before any act; several processes may open
   * the same storage at the same time. Rejects when it can't be reached, and may be called again. Acts before it reject.
   */
  open(): Promise<void>
  /**
   * Finishes the acts under way and lets go of what `open` took. A client that the host handed in stays open. Acts after it
   * reject, until the storage is opened again.
   */
  close(): Promise<void>

  /**
   * Writes the pending record and sets `amount` aside for its customer, or refuses.
   * Atomic: the look at the id, the look at the balance (`requires`), the record and the raised `held`.
   * A record without a customer is written and nothing is set aside. An unknown customer has an empty balance, and becomes known.
   */
  hold(act: HoldAct): Promise<HoldOutcome>
  /**
   * Debits the charge (cycle credit first, then bundle credit, which may go below zero), frees what the id had held, raises the
   * meter's total, completes the record. `balance_after` of the stored record is cycle + bundle after the charge; its `created_at`
   * stays that of the hold. With `opens` there is no hold before it (a report), and the record is written here.
   * Atomic: all of that, with the looks at the id, the expiry and the total.
   */
  settle(act: SettleAct): Promise<SettleOutcome>
  /** Frees what the id had held, takes nothing, finishes the record. Atomic like `settle`. */
  release(act: ReleaseAct): Promise<ReleaseOutcome>
  /**
   * Moves the expiry of an open hold, also of one that has expired and that nobody finished. With `held` it changes what is set
   * aside too, or refuses: more is asked of the balance, less always freed. Atomic: the looks at both, the record, `held`.
   */
  renew(act: RenewAct): Promise<RenewOutcome>
  /**
   * Adds money to a customer, once per `entry_id`. Atomic: the look at the id, the entry, the balance.
   */
  credit(act: CreditAct): Promise<CreditOutcome>

  /** The customer's balance, with all that was answered before; an unknown customer has an empty one. */
  balance(customer_id: string): Promise<Balance>
  /** Units (in millionths) that a customer has used on a meter in a billing cycle; 0 where nothing was. */
  meterTotal(of: MeterTotalKey): Promise<bigint>
  /**
   * Pending records whose hold expired at or before `now_ms`, oldest first, at most `limit`. Many instances ask; which of them
   * finishes a record is decided by `if_expired_at_ms` of its `settle` or `release`.
   */
  expired(now_ms: number, limit: number): Promise<RequestRecord[]>
  /** The record of an id as it stands; null: there is none. */
  request(request_id: string): Promise<RequestRecord | null>
  /** Newest first, in the order in which they were first written. A page never repeats or skips a row, whatever is added meanwhile. */
  requests(query: RequestsQuery): Promise<RequestsPage>
  /**
   * Totals of completed records by the day of their `created_at`, in the time zone of `utc_offset_minutes`, oldest day first.
   * Exact: money is not added up in floats.
   */
  usage(query: UsageQuery): Promise<UsageDay[]>

  /** Configuration kept as JSON documents (keys, customers, meters, plans, jobs); null: there is none. */
  document(kind: string, id: string): Promise<unknown>
  /** Writes, or with `only_if_absent` gives what is there already. Atomic: of many that race, one writes. */
  putDocument(act: PutDocumentAct): Promise<PutDocumentOutcome>
  /** Ordered by the bytes of the id in UTF-8; at most `limit` after `after_id`. */
  documents(kind: string, page: { after_id?: string; limit: number }): Promise<{ id: string; document: unknown }[]>
  /** Whether there was one. */
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
  /**
   * The caller awaits `durable` of the outcome before anything goes out that a power cut must not undo, so the storage may answer
   * before that. One that ignores this answers once the hold is durable, as it does without.
   */
  durable_later?: true | undefined
}

/**
 * `held` with `durable`, which only comes where `durable_later` asked for it: the hold is made, and everybody sees it; the promise
 * resolves when a power cut can't take it, and rejects when that could not be made sure. Nobody has to look at it: unobserved,
 * its rejection goes unheard. Absent: the hold is durable already.
 * `insufficient`: nothing was written; `balance` is what there is. `duplicate`: this id was held (or settled) before with the same
 * fingerprint. `reused`: with another one. `record` is the first one, as it stands now. Nothing is held again.
 */
export type HoldOutcome =
  | { outcome: 'held'; balance: Balance | null; durable?: Promise<void> }
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

/** `not_held`: nothing is open under this id (it was finished before), or `if_expired_at_ms` fails. */
export type ReleaseOutcome = { outcome: 'released'; record: RequestRecord } | { outcome: 'not_held' }

export interface RenewAct {
  request_id: string
  expires_at_ms: number
  /** What shall be set aside from now on. Absent: what is. */
  held?: HeldChange
}

export interface HeldChange {
  /** The pending record as it was held, but for its `held`. */
  record: RequestRecord
  /** All that shall be set aside under this id, in place of what was. Without a customer nothing is. */
  amount: Money
  overdraft: Money
  /** `amount`: available ≥ what is set aside more than before, else insufficient. `nothing`: always changed. */
  requires: 'amount' | 'nothing'
}

/** `not_held`: nothing is open under this id. `insufficient`: nothing was changed; `balance` is what there is. */
export type RenewOutcome =
  { outcome: 'renewed' } | { outcome: 'insufficient'; balance: Balance } | { outcome: 'not_held' }

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

/** `duplicate`: credited before, nothing was added. `reused`: the same `entry_id` with another customer, amount or part. */
export type CreditOutcome =
  { outcome: 'credited'; balance: Balance } | { outcome: 'duplicate'; balance: Balance } | { outcome: 'reused' }

export interface PutDocumentAct {
  kind: string
  id: string
  /** Plain JSON. */
  document: unknown
  only_if_absent: boolean
}

export type PutDocumentOutcome = { outcome: 'written' } | { outcome: 'exists'; document: unknown }
