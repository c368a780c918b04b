// The evidence of a chaos run: what the callers and the provider saw, and what the storage says in the end.
import type { Balance } from '../../src/ledger/balance.ts'
import type { RequestRecord } from '../../src/ledger/request-record.ts'
import type { UsageDay } from '../../src/ledger/storage-adapter.ts'
import type { Money } from '../../src/money.ts'
import type { Customer } from './scene.ts'

/** One try of a call: its status, or how it came to none. */
export interface Attempt {
  /** `cut`: the connection broke; `left`: the caller broke it; `late`: no end in time. */
  answer: number | 'cut' | 'left' | 'late'
  request_id: string | null
  /** The answer came to its end. */
  whole: boolean
}

/** A call, named by a marker that goes to the provider in the body and to the record in its metadata. */
export interface CallEvidence {
  customer: string
  /** Sent more than once, under one Idempotency-Key. */
  keyed: boolean
  kind: string
  attempts: Attempt[]
}

/** A call as the provider got it. */
export interface ProviderEvidence {
  marker: string
  input_tokens: number
  output_tokens: number
}

export interface ReportEvidence {
  customer: string
  input_tokens: number
  output_tokens: number
  /** The answers to all its copies: 201 for the first, 200 for the others. */
  answers: { status: number; body: string }[]
  /** The answers to copies with other content. */
  answersToOthers: number[]
}

export interface CreditEvidence {
  customer: string
  amount: Money
  /** How many of its copies were answered with `credited: true`; a killed process's answer is lost, so it may be none. */
  credited: number
}

export interface Evidence {
  customers: readonly Customer[]
  onLost: 'release' | 'charge'
  calls: Map<string, CallEvidence>
  provider: ProviderEvidence[]
  reports: Map<string, ReportEvidence>
  credits: Map<string, CreditEvidence>
  /** The lowest that was seen of each customer while the load ran. */
  lowest: Map<string, { total: Money; available: Money }>
  /** When each killed process was killed, by its incarnation. */
  killedAtMs: ReadonlyMap<string, number>
  pausedAtMs: ReadonlyMap<string, number>
  /** Ids that a process said were lost. */
  lost: ReadonlySet<string>
  /** Ends of processes that nobody asked for. */
  ends: readonly string[]
  records: RequestRecord[]
  balances: Map<string, Balance>
  /** Millionths, by customer, on the customer's meter. */
  totals: Map<string, bigint>
  usage: UsageDay[]
}

/** The marker of a forwarded call's record; null for a report. */
export function markerOf({ metadata }: RequestRecord): string | null {
  return metadata.marker ?? null
}

/** The process that held a record, from its id (gateway-process.ts). Null where the id tells none. */
export function incarnationOf({ request_id }: RequestRecord): string | null {
  return /^req_(\d+-\d+)_/.exec(request_id)?.[1] ?? null
}

/** Finished by recovery. */
export function isLost({ status }: RequestRecord): boolean {
  return status === 'error'
}
