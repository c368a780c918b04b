// The budgets of this process: opened, drawn on by calls that name them, and kept covered by a hold of their customer.
import { z } from 'zod'
import { parseReport, type ReportInput } from '../api/requests.ts'
import { GatewayError } from '../errors.ts'
import { customerIdSchema } from '../ledger/customer-id.ts'
import { metadataSchema, type Metadata } from '../ledger/metadata.ts'
import type { RequestRecord } from '../ledger/request-record.ts'
import { formatMoney, isMoneyText, parseMoney, subtractMoney, zeroMoney, type Money } from '../money.ts'
import { parseInput } from '../option.ts'
import type { BalanceGuard } from './balance-guard.ts'
import { BudgetAccount, budgetEndpoint, budgetNotOpen, type BudgetOfRequest } from './budget.ts'
import type { Fetch } from './fetch-call.ts'
import type { MeteredFetches, MeteredFetchOptions } from './metered-fetch.ts'
import type { OpenRequest } from './open-requests.ts'
import type { Settings } from './options.ts'
import type { Reports } from './report.ts'
import type { Settler } from './settle.ts'

export interface BudgetInput {
  customer_id: string
  /** The meter of its fetches and reports. */
  meter_slug: string
  /** Dollars above zero, such as `'2.00'`: set aside now, or refused now. */
  amount: string
  /** When it closes by itself. Default 600,000. */
  ttlMs?: number
  /** Kept with its hold, its fetches and its reports. */
  metadata?: Metadata
}

/** Money set aside for many calls. It lives in the process that opened it. */
export interface Budget {
  readonly budget_id: string
  readonly amount: string
  /** Charged so far. */
  readonly spent: string
  /** Neither spent nor drawn by a call that runs; zero once it is closed. */
  readonly remaining: string
  /** For calls of `/v1/forward` and of guarded routes that shall draw on it: `x-lava-budget`. */
  readonly headers: Readonly<Record<string, string>>
  /** `lava.fetch()` for its customer, drawing on it. A call that it does not cover is answered 402. */
  fetch: (options?: Partial<Pick<MeteredFetchOptions, 'meter_slug' | 'metadata' | 'fetch'>>) => Fetch
  /** `lava.report()` for its customer. The work is done, so it is charged in any case. */
  report: (report: BudgetReport) => Promise<RequestRecord>
  /** Takes no new calls and frees what is left, at once; running calls keep their part until they are settled. */
  close: () => Promise<{ spent: string }>
}

export type BudgetReport = Omit<ReportInput, 'customer_id' | 'meter_slug'> & { meter_slug?: string }

export interface Budgets {
  /** @throws GatewayError `insufficient_balance`, `invalid_request`, `storage_unavailable`. */
  open: (input: BudgetInput) => Promise<Budget>
  ofRequest: BudgetOfRequest
  closeAll: () => void
}

interface BudgetsParts {
  settings: Settings<never>
  guard: BalanceGuard
  settler: Settler
  reports: Reports
  fetches: MeteredFetches
  /** Whether new budgets are refused. */
  closing: () => boolean
}

export const budgetHeader = 'x-lava-budget'

const inputSchema = z.strictObject({
  customer_id: customerIdSchema,
  meter_slug: z.string(),
  amount: z.string().refine((text) => isMoneyText(text) && parseMoney(text) > 0n, 'a decimal string of dollars above zero'),
  ttlMs: z.number().int().positive().max(2_147_483_647).default(600_000),
  metadata: metadataSchema.default({}),
}) // prettier-ignore

type Terms = z.output<typeof inputSchema>

interface Entry {
  customer_id: string
  account: BudgetAccount
}

/** A hold is moved when it covers so much more than is needed: each move is a record. */
const movesPerBudget = 10n

export function createBudgets(parts: BudgetsParts): Budgets {
  const { settings } = parts
  const budgets = new Map<string, Entry>()

  return {
    async open(input) {
      if (parts.closing()) throw new GatewayError('storage_unavailable', 'The gateway is shutting down.')
      const terms = parseInput(inputSchema, input, 'The budget')
      const first = await hold(parts, terms, parseMoney(terms.amount), 'amount')
      const ended = Promise.withResolvers<undefined>()
      const cover = createCover(parts, terms, first, () => {
        clearTimeout(timer)
        budgets.delete(first.request_id)
        ended.resolve(undefined)
      })
      const account = new BudgetAccount({
        budget_id: first.request_id,
        amount: parseMoney(terms.amount),
        topUpUrl: settings.topUpUrl,
        changed: () => cover.follow(account),
      })
      const timer = setTimeout(() => account.close(), terms.ttlMs).unref()
      budgets.set(account.budget_id, { customer_id: terms.customer_id, account })
      return budgetOf(parts, terms, account, ended.promise)
    },
    ofRequest(req, caller) {
      const budget_id = req.headers[budgetHeader]
      if (typeof budget_id !== 'string' || budget_id === '') return null
      const entry = budgets.get(budget_id)
      if (entry?.customer_id !== caller.customer_id) throw budgetNotOpen(budget_id)
      return entry.account
    },
    closeAll() {
      for (const { account } of budgets.values()) account.close()
    },
  }
}

function budgetOf(parts: BudgetsParts, terms: Terms, account: BudgetAccount, ended: Promise<unknown>): Budget {
  const { customer_id, meter_slug, metadata } = terms
  return {
    budget_id: account.budget_id,
    amount: formatMoney(account.amount),
    get spent() {
      return formatMoney(account.spent)
    },
    get remaining() {
      return formatMoney(account.remaining)
    },
    headers: Object.freeze({ [budgetHeader]: account.budget_id }),
    fetch: (options = {}) => parts.fetches.open({ customer_id, meter_slug, metadata, ...options }, account),
    async report(report) {
      const { record, created } = await parts.reports.report(parseReport({ meter_slug, metadata, ...report, customer_id }))
      if (created) account.spend(parseMoney(record.charge?.amount ?? '0'))
      return record
    },
    async close() {
      account.close()
      await ended
      return { spent: formatMoney(account.spent) }
    },
  } // prettier-ignore
}

/**
 * The customer's hold behind a budget. A hold can't be made smaller, so a smaller one is put beside it and then the larger one
 * freed: at every moment, also when the process dies in between, at least what may still be spent is held, and what was
 * charged is debited. So held + spent never passes the balance; for a while the customer may seem to have less than it has.
 */
function createCover(parts: BudgetsParts, terms: Terms, first: OpenRequest, onEnd: () => void) {
  const { settler, settings } = parts
  let current = first
  let moving = false

  async function move(account: BudgetAccount): Promise<void> {
    try {
      while (account.needed > zeroMoney || !account.closed) {
        const target = account.needed
        const tooMuch = subtractMoney(current.held, target)
        const slack = account.closed ? 0n : account.amount / movesPerBudget
        // Where it passed without a hold (`onStorageError: 'allow'`) there is nothing to move.
        if (tooMuch <= slack || current.opens) return
        const next = await hold(parts, terms, target, 'nothing')
        await settler.release(current, { note: `the budget goes on as ${next.request_id}`, provider_status: null })
        current = next
      }
      const note = `the budget was closed; ${formatMoney(account.spent)} of ${formatMoney(account.amount)} was spent`
      await settler.release(current, { note, provider_status: null })
      onEnd()
    } finally {
      moving = false
    }
  }

  function follow(account: BudgetAccount): void {
    if (moving) return
    moving = true
    move(account).catch((error: unknown) => {
      settings.logger.warn(`lava-gateway: the hold of budget ${account.budget_id} stays as it is for now:`, error)
      // Its end needs no new hold, and can't wait for a next call.
      if (account.closed && account.needed === zeroMoney) follow(account)
    })
  }

  return { follow }
}

function hold(parts: BudgetsParts, terms: Terms, amount: Money, reserve: 'amount' | 'nothing') {
  const { customer_id, meter_slug, metadata } = terms
  return parts.guard.admit({
    caller: { customer_id, meter_slug, provider_key: null, billing_disabled: false },
    provider: null,
    call: null,
    endpoint: budgetEndpoint,
    metadata,
    idempotency: null,
    estimate: amount,
    enforced: true,
    reserve,
  })
}
