// A dollar amount that a host hands in: decimal text above zero.
import { z } from 'zod'
import { isMoneyText, parseMoney, type Money } from '../money.ts'
import { parseInput } from '../option.ts'

export const amountSchema = z
  .string('a decimal string of dollars above zero')
  .refine((text) => isMoneyText(text) && parseMoney(text) > 0n, 'a decimal string of dollars above zero')

/** @throws GatewayError `invalid_request`. */
export function parseAmount(value: unknown): Money {
  return parseMoney(parseInput(amountSchema, value, 'The amount'))
}
