// An open budget: what a host sees of it, and the hold of its customer that follows what is charged.
import { parseBudgetReport, type BudgetReport } from '../api/requests.ts'
import type { Metadata } from '../ledger/metadata.ts'
import type { RequestRecord } from '../ledger/request-record.ts'
import { formatMoney, parseMoney, zeroMoney, type Money } from '../money.ts'
import type { Call } from '../providers/call.ts'
import type { Admission } from './admission.ts'
import type { BalanceGuard } from './balance-guard.ts'
import { BudgetAccount } from './budget.ts'
import type { Caller } from './caller.ts'
import { parseAmount } from './dollar-amount.ts'
import type { Fetch } from './fetch-call.ts'
import type { Holding } from './holding.ts'
import type { DrawingFetchOptions, MeteredFetches } from './metered-fetch.ts'
import type { OpenRequest } from './open-requests.ts'
import type { Settings } from './options.ts'
import type { Reports } from './report.ts'
import type { Settler } from './settle.ts'
import type { TokenAllowances } from './token-allowance.ts'

/** Money set aside for many calls. It lives in the process that opened it. */
export interface Budget {
  readonly budget_id: string
  /** All of it, with what `extend` has added. */
  readonly amount: string
  /** Charged so far. */
  readonly spent: string
  /** Neither spent nor drawn by a call that runs; zero once it is closed. */
  readonly remaining: string
  /** For calls of `/v1/forward` and of guarded routes that shall draw on it: `x-lava-budget`. */
  readonly headers: Readonly<Record<string, string>>
  /** `lava.fetch()` for its customer, drawing on it. A call that it does not cover is answered 402. */
  fetch: (options?: DrawingFetchOptions) => Fetch
  /** `lava.report()` for its customer. The work is done, so it is charged in any case. */
  report: (report: BudgetReport) => Promise<RequestRecord>
  /**
   * Sets so much more aside, such as `'0.50'`. The new `amount`; null when it was closed before.
   *
   * @throws GatewayError `insufficient_balance` (then nothing has changed), `invalid_request`, `storage_unavailable`.
   */
  extend: (amount: string) => Promise<string | null>
  /** Takes no new calls and frees what is left, at once; running calls keep their part until they are settled. */
  close: () => Promise<{ spent: string }>
}

/** A budget that is open, as routes keep it. */
export interface OpenBudget {
  budget: Budget
  account: BudgetAccount
  /** Who pays for what draws on it. */
  payer: Caller
  /** The hold behind it. */
  request: OpenRequest
  /** Its record, when it is closed and all that drew on it is settled; null when that waits in the journal. */
  ended: Promise<RequestRecord | null>
}

export interface BudgetAdmission extends Omit<
  Admission<Call | null>,
  'estimate' | 'enforced' | 'idempotency' | 'reserve'
> {
  amount: Money
}

export interface BudgetParts {
  settings: Settings<never>
  guard: BalanceGuard
  holding: Holding
  settler: Settler
  reports: Reports
  fetches: MeteredFetches
  allowances: TokenAllowances
}

export const budgetHeader = 'x-lava-budget'

/** @throws GatewayError as the guard does. */
export async function openBudget(parts: BudgetParts, { amount, ...admission }: BudgetAdmission): Promise<OpenBudget> {
  const { settings, guard, allowances } = parts
  const request = await guard.admit({
    ...admission,
    idempotency: null,
    estimate: amount,
    enforced: true,
    reserve: true,
  })
  // What a signed token allows was taken with the hold; what draws on it takes no more.
  const { customer_id, meter_slug, billing_disabled } = admission.caller
  const payer = { customer_id, meter_slug, provider_key: null, billing_disabled }
  const { promise: ended, resolve: end } = Promise.withResolvers<RequestRecord | null>()
  const account = new BudgetAccount({
    budget_id: request.request_id,
    amount,
    topUpUrl: settings.topUpUrl,
    changed(charge) {
      request.draw?.spend(charge)
      allowances.charged(request.request_id, charge)
      follow(parts, request, account, end)
    },
  })
  return {
    budget: budgetOf(parts, { account, payer, request, ended }, admission.metadata),
    account,
    payer,
    request,
    ended,
  }
}

function budgetOf(parts: BudgetParts, opened: Omit<OpenBudget, 'budget'>, metadata: Metadata): Budget {
  const { account, payer, request, ended } = opened
  const billed = request.billed
  return {
    budget_id: account.budget_id,
    get amount() {
      return formatMoney(account.amount)
    },
    get spent() {
      return formatMoney(account.spent)
    },
    get remaining() {
      return formatMoney(account.remaining)
    },
    headers: Object.freeze({ [budgetHeader]: account.budget_id }),
    fetch: (options = {}) => parts.fetches.drawing(payer, account, { metadata, ...options }),
    async report(report) {
      const { meter_slug = payer.meter_slug, ...told } = parseBudgetReport({ metadata, ...report })
      const { record, created } = await parts.reports.report(
        { ...told, meter_slug, customer_id: payer.customer_id },
        billed,
      )
      if (created) account.spend(parseMoney(record.charge?.amount ?? '0'))
      return record
    },
    async extend(given) {
      const more = parseAmount(given)
      const isClosed = () => account.closed
      if (isClosed()) return null
      if (!request.enforced) account.raise(more)
      else if (!(await parts.holding.raise(request, more, () => account.raise(more)))) return null
      return isClosed() ? null : formatMoney(account.amount)
    },
    async close() {
      account.close()
      await ended
      return { spent: formatMoney(account.spent) }
    },
  }
}

/**
 * The customer's hold shrinks with each charge, which is debited before: at every moment, also when the process dies in between, at
 * least what may still be spent is held. So held + spent never passes the balance.
 */
function follow(
  parts: BudgetParts,
  request: OpenRequest,
  account: BudgetAccount,
  end: (record: RequestRecord | null) => void,
): void {
  const { holding, settler, settings } = parts
  if (account.closed && account.needed === zeroMoney) {
    const note = `the budget was closed; ${formatMoney(account.spent)} of ${formatMoney(account.amount)} was spent`
    void settler.release(request, { note, provider_status: null }).then(end)
    return
  }
  holding
    .lower(request, () => account.needed)
    .catch((error: unknown) => {
      settings.logger.warn(`lava-gateway: the hold of budget ${account.budget_id} stays as it is for now:`, error)
    })
}
