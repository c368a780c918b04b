// The 402: what was asked for, what there is, and what is missing.
import { GatewayError, type ErrorDetails } from '../errors.ts'
import { formatMoney, maxMoney, subtractMoney, zeroMoney, type Money } from '../money.ts'

export interface Shortage {
  /** In a sentence: `The balance does not cover this request.` */
  message: string
  available: Money
  required: Money
  topUpUrl: string | null
  /** The longest answer that would be covered; null when that can't be said. */
  maxOutputTokens: number | null
}

/** @param more further fields of the error. */
export function insufficientBalance(shortage: Shortage, more: ErrorDetails = {}): GatewayError {
  const { message, available, required, topUpUrl, maxOutputTokens } = shortage
  return new GatewayError('insufficient_balance', message, {
    available: formatMoney(available),
    required: formatMoney(required),
    shortfall: formatMoney(maxMoney(zeroMoney, subtractMoney(required, available))),
    top_up_url: topUpUrl,
    max_output_tokens: maxOutputTokens,
    ...more,
  })
}
