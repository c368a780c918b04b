// Shadow mode: who would be refused is let in, and the host is told of it.
import { GatewayError } from '../errors.ts'
import { availableOf, type Balance } from '../ledger/balance.ts'
import type { HoldAct } from '../ledger/storage-adapter.ts'
import { addMoney, formatMoney, zeroMoney } from '../money.ts'
import type { Draw, Drawable } from './budget.ts'
import type { Settings } from './options.ts'
import type { RequestEstimate } from './request-estimate.ts'

export function tellShadow(balance: Balance, { amount, record }: HoldAct, settings: Settings<never>): void {
  const before = addMoney(availableOf(balance, settings.overdraft), amount)
  if (before >= amount && before > 0n) return
  const [needed, available] = [formatMoney(amount), formatMoney(before)]
  const whose = `${record.request_id} of ${record.customer_id ?? ''}`
  settings.logger.warn(`lava-gateway: shadow: would refuse ${whose}: ${needed} needed, ${available} available`)
}

/** A draw of nothing, where the budget is short. */
export function drawOn(
  budget: Drawable,
  { hold, outputTokensWithin }: RequestEstimate,
  settings: Settings<never>,
): Draw {
  try {
    return budget.draw(hold, outputTokensWithin)
  } catch (error) {
    const isShort = error instanceof GatewayError && error.code === 'insufficient_balance'
    if (!settings.shadow || !isShort) throw error
    settings.logger.warn(
      `lava-gateway: shadow: would refuse a call: its budget lacks ${String(error.details.shortfall)}`,
    )
    return budget.draw(zeroMoney, outputTokensWithin)
  }
}
