// A budget: one hold of a customer's, set aside at the start, that many calls draw on and no two of them share.
import type { IncomingMessage } from 'node:http'
import { GatewayError } from '../errors.ts'
import { addMoney, maxMoney, minMoney, subtractMoney, zeroMoney, type Money } from '../money.ts'
import type { Caller } from './caller.ts'
import { insufficientBalance } from './insufficient.ts'

const endpointWord = 'openBudget'

/** The `endpoint` of the record that is the hold behind a budget, and of the route that opened it. */
export function budgetEndpoint(route: string | null): string {
  return route === null ? endpointWord : `${endpointWord} ${route}`
}

export function isBudgetEndpoint(endpoint: string): boolean {
  return endpoint === endpointWord || endpoint.startsWith(`${endpointWord} `)
}

type OutputTokensWithin = (available: Money) => number | null

/** A part of a budget that one call has for itself. */
export interface Draw {
  /**
   * Takes so much more. Gives a way back, for when it was in vain.
   *
   * @throws GatewayError as `draw` does.
   */
  raise(more: Money): () => void
  /** So much of it is charged, and the call goes on. */
  spend(charge: Money): void
  /** The call is finished. Null: what it was charged is not known (yet), so its part counts as spent. */
  end(charge: Money | null): void
}

/** What the guard draws on in place of the customer's balance. */
export interface Drawable {
  /** @throws GatewayError `insufficient_balance` when less than that is left, `not_found` when it is closed. */
  draw(amount: Money, outputTokensWithin: OutputTokensWithin): Draw
}

/** The budget that a request names; null: none. @throws GatewayError `not_found` when it is not open here, or another customer's. */
export type BudgetOfRequest = (req: IncomingMessage, caller: Caller) => Drawable | null

interface AccountTerms {
  budget_id: string
  amount: Money
  topUpUrl: string | null
  /** What its customer's hold has to cover has changed: so much was charged, or (zero) it was closed. */
  changed: (charge: Money) => void
}

/** The money of one budget. It lives in the process that opened it; the hold of its customer, in the storage, follows it. */
export class BudgetAccount implements Drawable {
  readonly budget_id: string
  readonly #terms: AccountTerms
  #amount: Money
  #spent = zeroMoney
  #reserved = zeroMoney
  #closed = false

  constructor(terms: AccountTerms) {
    this.budget_id = terms.budget_id
    this.#amount = terms.amount
    this.#terms = terms
  }

  /** All of it: spent, drawn and remaining. */
  get amount(): Money {
    return this.#amount
  }

  get spent(): Money {
    return this.#spent
  }

  /** Neither spent nor drawn by a call that runs. */
  get remaining(): Money {
    if (this.#closed) return zeroMoney
    return maxMoney(zeroMoney, subtractMoney(this.#amount, addMoney(this.#spent, this.#reserved)))
  }

  /** What its customer's hold has to cover: all that may still be spent. */
  get needed(): Money {
    return addMoney(this.#reserved, this.remaining)
  }

  get closed(): boolean {
    return this.#closed
  }

  draw(amount: Money, outputTokensWithin: OutputTokensWithin): Draw {
    this.#reserve(amount, outputTokensWithin)
    let part = amount
    let ended = false
    const spend = (charge: Money): void => {
      const covered = minMoney(part, charge)
      part = subtractMoney(part, covered)
      this.#reserved = subtractMoney(this.#reserved, covered)
      this.spend(charge)
    }
    return {
      raise: (more) => {
        if (ended) return () => undefined
        this.#reserve(more, outputTokensWithin)
        part = addMoney(part, more)
        return () => {
          const back = minMoney(part, more)
          part = subtractMoney(part, back)
          this.#reserved = subtractMoney(this.#reserved, back)
        }
      },
      spend,
      end: (charge) => {
        if (ended) return
        ended = true
        const last = charge ?? part
        this.#reserved = subtractMoney(this.#reserved, part)
        part = zeroMoney
        this.spend(last)
      },
    }
  }

  /** Its customer's hold was raised by so much. Closed meanwhile it needs no more: the hold is lowered again. */
  raise(more: Money): void {
    if (!this.#closed) this.#amount = addMoney(this.#amount, more)
  }

  /** A charge that was taken, reserved before or not: the provider has billed it. */
  spend(charge: Money): void {
    this.#spent = addMoney(this.#spent, charge)
    this.#terms.changed(charge)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#terms.changed(zeroMoney)
  }

  /** No await between the look and the write: of calls that race, each sees what the others took. */
  #reserve(required: Money, within: OutputTokensWithin): void {
    const { budget_id, remaining: available } = this
    if (this.#closed) throw budgetNotOpen(budget_id)
    if (required > available) {
      const { topUpUrl } = this.#terms
      const message = 'The budget does not cover this request.'
      throw insufficientBalance({ message, available, required, topUpUrl, maxOutputTokens: within(available) }, { budget_id })
    }
    this.#reserved = addMoney(this.#reserved, required)
  } // prettier-ignore
}

export function budgetNotOpen(budget_id: string): GatewayError {
  return new GatewayError(
    'not_found',
    'No such budget is open here: it was closed, has expired, is another customer’s, or lives in another process.',
    { budget_id },
  )
}
