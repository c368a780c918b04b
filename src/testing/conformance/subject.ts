// The subject of a conformance case: the storage under test, and small acts on it.
import assert from 'node:assert/strict'
import { formatMoney, parseMoney } from '../../money.ts'
import type { RequestRecord } from '../../ledger/request-record.ts'
import type {
  CreditAct,
  HeldChange,
  HoldAct,
  ReleaseAct,
  RenewAct,
  SettleAct,
  StorageAdapter,
} from '../../ledger/storage-adapter.ts'
import { pendingRecord } from '../../ledger/new-record.ts'

/** One storage without data, made anew for every case. */
export interface ConformanceSubject {
  /** Opened. */
  storage: StorageAdapter
  /** A further opened adapter on the same data, as after a crash: `storage` was not closed, and may go on. */
  reopen: () => Promise<StorageAdapter>
  /** Closes every adapter that was handed out and removes the data. */
  dispose: () => Promise<void>
}

/** A named case for any test runner. */
export interface ConformanceCase {
  name: string
  /** Rejects with an AssertionError when the storage breaks the promise that the name gives. */
  run: () => Promise<void>
}

export type CaseBody = (subject: ConformanceSubject) => Promise<void>

/** The time of every sample: 2026-03-01 12:00 UTC. */
export const noonMs = Date.UTC(2026, 2, 1, 12)

/** A pending record; with a `charge` of dollars a completed one. */
export function sampleRecord(request_id: string, parts: Partial<RequestRecord> = {}, charge?: string): RequestRecord {
  const pending: RequestRecord = {
    ...pendingRecord({
      request_id,
      customer_id: 'ann',
      meter_id: 'chat',
      provider: 'openai',
      provider_key_type: 'managed',
      model: 'gpt-4o-mini',
      endpoint: 'POST https://api.openai.com/v1/chat/completions',
      held: parseMoney('0'),
      metadata: {},
      created_at: new Date(noonMs).toISOString(),
    }),
    ...parts,
  }
  if (charge === undefined) return pending
  return {
    ...pending,
    status: parts.status ?? 'completed',
    charge: { amount: formatMoney(parseMoney(charge)), rate_type: 'fixed', breakdown: [] },
    timestamp: new Date(noonMs).toISOString(),
  }
}

export interface HoldParts extends Partial<Omit<HoldAct, 'record' | 'amount'>> {
  record?: Partial<RequestRecord>
}

/** A hold of `dollars`, which asks for that amount. */
export function holdAct(request_id: string, dollars: string, { record, ...parts }: HoldParts = {}): HoldAct {
  const amount = parseMoney(dollars)
  return {
    record: sampleRecord(request_id, { held: formatMoney(amount), ...record }),
    fingerprint: `content of ${request_id}`,
    amount,
    overdraft: parseMoney('0'),
    requires: 'amount',
    expires_at_ms: noonMs + 60_000,
    ...parts,
  }
}

export interface RenewParts extends Partial<Pick<HeldChange, 'overdraft' | 'requires'>> {
  record?: Partial<RequestRecord>
  expires_at_ms?: number
}

/** Sets `dollars` aside in place of what was, asking for what is more. */
export function renewAct(
  request_id: string,
  dollars: string,
  { record, expires_at_ms = noonMs + 60_000, ...parts }: RenewParts = {},
): RenewAct {
  const amount = parseMoney(dollars)
  const changed = sampleRecord(request_id, { held: formatMoney(amount), ...record })
  const held = { record: changed, amount, overdraft: parseMoney('0'), requires: 'amount' as const, ...parts }
  return { request_id, expires_at_ms, held }
}

export interface SettleParts extends Partial<Omit<SettleAct, 'record' | 'charge'>> {
  record?: Partial<RequestRecord>
}

/** The settlement of a hold of the same id; with `opens: true` a report. */
export function settleAct(request_id: string, dollars: string, { record, ...parts }: SettleParts = {}): SettleAct {
  return {
    record: sampleRecord(request_id, record, dollars),
    fingerprint: `content of ${request_id}`,
    charge: parseMoney(dollars),
    opens: false,
    total: null,
    ...parts,
  }
}

export function releaseAct(request_id: string, parts: Partial<ReleaseAct> = {}): ReleaseAct {
  return { record: sampleRecord(request_id, { status: 'error', note: 'released' }), lost: false, ...parts }
}

export function creditAct(entry_id: string, dollars: string, parts: Partial<CreditAct> = {}): CreditAct {
  const created_at = new Date(noonMs).toISOString()
  return { entry_id, customer_id: 'ann', amount: parseMoney(dollars), part: 'bundle', created_at, ...parts }
}

/** Checks a customer's balance; amounts in dollars. */
export async function expectBalance(
  storage: StorageAdapter,
  expected: { cycle?: string; bundle?: string; held?: string },
  customer_id = 'ann',
): Promise<void> {
  const { cycle, bundle, held } = await storage.balance(customer_id)
  const dollars = { cycle: formatMoney(cycle), bundle: formatMoney(bundle), held: formatMoney(held) }
  const ten = (text = '0'): string => formatMoney(parseMoney(text))
  assert.deepEqual(dollars, { cycle: ten(expected.cycle), bundle: ten(expected.bundle), held: ten(expected.held) })
}

/** How often each outcome came. */
export function countOutcomes(outcomes: readonly { outcome: string }[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { outcome } of outcomes) counts[outcome] = (counts[outcome] ?? 0) + 1
  return counts
}

/** Starts `count` acts at once. */
export function race<Result>(count: number, act: (index: number) => Promise<Result>): Promise<Result[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => act(index)))
}
