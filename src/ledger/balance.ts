// A customer's balance: what is left, what is held, what is available.
import { addMoney, money, subtractMoney, type Money } from '../money.ts'

export interface Balance {
  /** Credit of the billing cycle that is left; drawn down first. Never negative. */
  cycle: Money
  /** Bundle credit that is left; drawn down second. Negative when the customer is in overdraft. */
  bundle: Money
  /** The sum of the open holds. */
  held: Money
}

export const emptyBalance: Balance = Object.freeze({ cycle: money(0n), bundle: money(0n), held: money(0n) })

/** Cycle credit + bundle credit, charges already taken off. */
export function totalOf(balance: Balance): Money {
  return addMoney(balance.cycle, balance.bundle)
}

/** Balance − held + overdraft: what a new hold may use. */
export function availableOf(balance: Balance, overdraft: Money): Money {
  return addMoney(subtractMoney(totalOf(balance), balance.held), overdraft)
}

/** Takes a charge: cycle credit first, then bundle credit, which may go below zero (design 5.8). */
export function drawDown(balance: Balance, charge: Money): Balance {
  const fromCycle = charge < balance.cycle ? charge : balance.cycle
  return {
    cycle: subtractMoney(balance.cycle, fromCycle),
    bundle: subtractMoney(balance.bundle, subtractMoney(charge, fromCycle)),
    held: balance.held,
  }
}
