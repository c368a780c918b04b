// The open request of a guarded handler, as the host sees it and as the faces keep it.
import type { RequestRecord } from '../ledger/request-record.ts'
import type { ConfiguredProvider } from './configured-provider.ts'
import type { ReportedUsage } from './measurement.ts'
import type { Budget, OpenBudget } from './open-budget.ts'
import type { ResponseTap } from './usage-capture.ts'

/** The open request of a guarded handler: `req.lava`, `ctx.state.lava`. Behind `balanceGuard({ budget })` it is a budget. */
export interface LavaRequest {
  /** The id of its record, and of its budget. */
  readonly request_id: string
  /** What is set aside now, as a decimal string. Of a budget: what remains and what running calls have of it. */
  readonly held: string
  /** What `balanceGuard({ budget })` opened, closed when the answer ends; null on other routes. */
  readonly budget: Budget | null
  /**
   * Settles with this usage, now. Later calls, and the end of the answer, change nothing; they return null. With a budget each
   * report is a record of its own, charged to it; null once it is closed.
   *
   * @throws GatewayError `invalid_request` that names each wrong field.
   */
  report(usage: ReportedUsage): Promise<RequestRecord | null>
  /** Frees the hold and takes nothing; closes a budget. Null when it was finished before. */
  release(): Promise<RequestRecord | null>
  /**
   * Sets so much more aside, such as `'0.50'`, for work that turns out longer. What is held then, as `held` says it; null when the
   * request was finished before, and nothing is held. Where nobody is billed or refused it changes nothing. Raises a budget.
   *
   * @throws GatewayError `insufficient_balance` (402; then nothing has changed), `forbidden` (a signed token's limit),
   * `invalid_request` (no decimal string above zero), `storage_unavailable`.
   * @example
   * await req.lava.extend('0.50')
   */
  extend(amount: string): Promise<string | null>
}

/** A guarded request as the faces keep it. */
export type GuardedRequest = FollowedRequest | BudgetRequest

export interface FollowedRequest {
  readonly lava: LavaRequest
  readonly budget: null
  /** Reads the usage out of the answer instead of waiting for a report. */
  capture(captured: Captured): void
  /** Another guard takes its place, nearer to the handler: nothing stays held, and what was captured is for that one. */
  giveWay(): Promise<Captured | null>
}

/** An answer that is tapped, and whose it is. */
export interface Captured {
  tap: ResponseTap
  provider: ConfiguredProvider
}

/** What is captured behind it is a call of its own, which draws on the budget. */
export interface BudgetRequest {
  readonly lava: LavaRequest
  readonly budget: OpenBudget
  /** That call, for another capture of the same answer. */
  readonly capturing: FollowedRequest | null
}
