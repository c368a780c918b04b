// A budget: one hold of a customer's, set aside at the start, that many calls draw on and no two of them share.
import type { IncomingMessage } from 'node:http'
import { GatewayError } from '../errors.ts'
import { addMoney, formatMoney, maxMoney, subtractMoney, zeroMoney, type Money } from '../money.ts'
import type { Caller } from './caller.ts'

/** The `endpoint` of the records that are the hold behind a budget. */
export const budgetEndpoint = 'openBudget'

/** A part of a budget that one call has for itself. */
export interface Draw {
  /** The call is finished. Null: what it was charged is not known (yet), so its part counts as spent. */
  end(charge: Money | null): void
}

/** What the guard draws on in place of the customer's balance. */
export interface Drawable {
  /** @throws GatewayError `insufficient_balance` when less than that is left, `not_found` when it is closed. */
  draw(amount: Money, outputTokensWithin: (available: Money) => number | null): Draw
}

/** The budget that a request names; null: none. @throws GatewayError `not_found` when it is not open here, or another customer's. */
export type BudgetOfRequest = (req: IncomingMessage, caller: Caller) => Drawable | null

/** The money of one budget. It lives in the process that opened it; the hold of its customer, in the storage, follows it. */
export class BudgetAccount implements Drawable {
  readonly budget_id: string
  readonly amount: Money
  #spent = zeroMoney
  #reserved = zeroMoney
  #closed = false
  readonly #topUpUrl: string | null
  readonly #changed: () => void

  constructor(terms: { budget_id: string; amount: Money; topUpUrl: string | null; changed: () => void }) {
    this.budget_id = terms.budget_id
    this.amount = terms.amount
    this.#topUpUrl = terms.topUpUrl
    this.#changed = terms.changed
  }

  get spent(): Money {
    return this.#spent
  }

  /** Neither spent nor drawn by a call that runs. */
  get remaining(): Money {
    if (this.#closed) return zeroMoney
    return maxMoney(zeroMoney, subtractMoney(this.amount, addMoney(this.#spent, this.#reserved)))
  }

  /** What its customer's hold has to cover: all that may still be spent. */
  get needed(): Money {
    return addMoney(this.#reserved, this.remaining)
  }

  get closed(): boolean {
    return this.#closed
  }

  draw(amount: Money, outputTokensWithin: (available: Money) => number | null): Draw {
    if (this.#closed) throw budgetNotOpen(this.budget_id)
    const available = this.remaining
    if (amount > available) throw this.#insufficient(amount, available, outputTokensWithin)
    // No await between the look and the write: of calls that race, each sees what the others took.
    this.#reserved = addMoney(this.#reserved, amount)
    let ended = false
    return {
      end: (charge) => {
        if (ended) return
        ended = true
        this.#reserved = subtractMoney(this.#reserved, amount)
        this.spend(charge ?? amount)
      },
    }
  }

  /** A charge that was taken, reserved before or not: the provider has billed it. */
  spend(charge: Money): void {
    this.#spent = addMoney(this.#spent, charge)
    this.#changed()
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#changed()
  }

  #insufficient(required: Money, available: Money, within: (available: Money) => number | null): GatewayError {
    return new GatewayError('insufficient_balance', 'The budget does not cover this request.', {
      available: formatMoney(available),
      required: formatMoney(required),
      shortfall: formatMoney(maxMoney(zeroMoney, subtractMoney(required, available))),
      top_up_url: this.#topUpUrl,
      max_output_tokens: within(available),
      budget_id: this.budget_id,
    })
  }
}

export function budgetNotOpen(budget_id: string): GatewayError {
  return new GatewayError(
    'not_found',
    'No such budget is open here: it was closed, has expired, is another customer’s, or lives in another process.',
    { budget_id },
  )
}
