// The host's members for money: credit, and whether a customer can afford something.
import { z } from 'zod'
import { GatewayError } from '../errors.ts'
import { availableOf, totalOf } from '../ledger/balance.ts'
import { customerIdSchema } from '../ledger/customer-id.ts'
import { isPlainText, plainTextWanted } from '../ledger/plain-text.ts'
import { formatMoney, isMoneyText, maxMoney, parseMoney, subtractMoney, zeroMoney } from '../money.ts'
import { parseInput } from '../option.ts'
import type { Settings } from './options.ts'
import type { SettleQueue } from './settle-queue.ts'
import type { Storage } from './storage-access.ts'

export interface CreditInput {
  customer_id: string
  /** Dollars above zero, such as `'10.00'`. */
  amount: string
  entry_id: string
}

export interface Affordability {
  affordable: boolean
  available: string
  shortfall: string
}

/** Amounts are decimal strings, ten decimals in every answer. */
export interface HostMembers {
  /** Adds bundle credit, once per `entry_id` (a payment's event id). */
  credit(credit: CreditInput): Promise<{ credited: boolean; balance: string }>
  canAfford(question: { customer_id: string; amount: string }): Promise<Affordability>
}

const creditSchema = z.strictObject({
  customer_id: customerIdSchema,
  amount: z
    .string()
    .refine((text) => isMoneyText(text) && parseMoney(text) > 0n, 'a decimal string of dollars above zero'),
  entry_id: z.string().min(1).max(255).refine(isPlainText, plainTextWanted),
})

const questionSchema = z.strictObject({
  customer_id: customerIdSchema,
  amount: z.string().refine((text) => isMoneyText(text) && !text.startsWith('-'), 'a decimal string of dollars'),
})

export function hostMembers(settings: Settings<never>, storage: Storage, queue: SettleQueue): HostMembers {
  return {
    async credit(given) {
      const { customer_id, amount, entry_id } = parseInput(creditSchema, given, 'The credit')
      const created_at = new Date(settings.clock()).toISOString()
      const act = { customer_id, entry_id, amount: parseMoney(amount), part: 'bundle', created_at } as const
      // The balance that it answers has what was charged before.
      queue.flush()
      const outcome = await storage.use((adapter) => adapter.credit(act))
      if (outcome.outcome === 'reused')
        throw new GatewayError('request_id_reused', `The entry_id ${entry_id} was used before for another credit.`, {
          entry_id,
        })
      return { credited: outcome.outcome === 'credited', balance: formatMoney(totalOf(outcome.balance)) }
    },
    async canAfford(given) {
      const { customer_id, amount } = parseInput(questionSchema, given, 'The question')
      await queue.flushed()
      const balance = await storage.use((adapter) => adapter.balance(customer_id))
      const available = availableOf(balance, settings.overdraft)
      const shortfall = maxMoney(zeroMoney, subtractMoney(parseMoney(amount), available))
      return {
        affordable: shortfall === zeroMoney,
        available: formatMoney(available),
        shortfall: formatMoney(shortfall),
      }
    },
  }
}
