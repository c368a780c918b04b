// The budgets of this process: opened, drawn on by calls that name them, and kept covered by a hold of their customer.
import { z } from 'zod'
import { GatewayError } from '../errors.ts'
import { customerIdSchema } from '../ledger/customer-id.ts'
import { metadataSchema, type Metadata } from '../ledger/metadata.ts'
import { parseMoney } from '../money.ts'
import { parseInput } from '../option.ts'
import { budgetEndpoint, budgetNotOpen, type BudgetOfRequest } from './budget.ts'
import { amountSchema } from './dollar-amount.ts'
import {
  budgetHeader,
  openBudget,
  type Budget,
  type BudgetAdmission,
  type BudgetParts,
  type OpenBudget,
} from './open-budget.ts'

export type { BudgetReport } from '../api/requests.ts'
export type { Budget } from './open-budget.ts'

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

export interface Budgets {
  /** @throws GatewayError `insufficient_balance`, `invalid_request`, `storage_unavailable`. */
  open: (input: BudgetInput) => Promise<Budget>
  /** For a request to a route of the host's. @throws GatewayError as the guard does. */
  openFor: (admission: BudgetAdmission) => Promise<OpenBudget>
  ofRequest: BudgetOfRequest
  /** Those that only their host would close; a route's ends with its answer. */
  closeAll: () => void
}

const inputSchema = z.strictObject({
  customer_id: customerIdSchema,
  meter_slug: z.string(),
  amount: amountSchema,
  ttlMs: z.number().int().positive().max(2_147_483_647).default(600_000),
  metadata: metadataSchema.default({}),
})

interface BudgetsParts extends BudgetParts {
  /** Whether new budgets are refused. */
  closing: () => boolean
}

export function createBudgets(parts: BudgetsParts): Budgets {
  const open = new Map<string, OpenBudget>()
  const closedByHost = new Set<OpenBudget['account']>()

  async function openFor(admission: BudgetAdmission): Promise<OpenBudget> {
    const opened = await openBudget(parts, admission)
    const { budget_id } = opened.account
    open.set(budget_id, opened)
    void opened.ended.then(() => open.delete(budget_id))
    return opened
  }

  return {
    openFor,
    async open(input) {
      if (parts.closing()) throw new GatewayError('storage_unavailable', 'The gateway is shutting down.')
      const { customer_id, meter_slug, amount, ttlMs, metadata } = parseInput(inputSchema, input, 'The budget')
      const caller = { customer_id, meter_slug, provider_key: null, billing_disabled: false }
      const endpoint = budgetEndpoint(null)
      const { budget, account, ended } = await openFor({
        caller,
        endpoint,
        metadata,
        provider: null,
        call: null,
        amount: parseMoney(amount),
      })
      const timer = setTimeout(() => account.close(), ttlMs).unref()
      closedByHost.add(account)
      void ended.then(() => {
        clearTimeout(timer)
        closedByHost.delete(account)
      })
      // The gateway may have begun to close while the hold was made.
      if (parts.closing()) account.close()
      return budget
    },
    ofRequest(req, caller) {
      const budget_id = req.headers[budgetHeader]
      if (typeof budget_id !== 'string' || budget_id === '') return null
      const found = open.get(budget_id)
      if (found?.payer.customer_id !== caller.customer_id) throw budgetNotOpen(budget_id)
      return found.account
    },
    closeAll() {
      for (const account of closedByHost) account.close()
    },
  }
}
