// The cost explanation: quantities, unit prices and factors from which anybody can compute the cost again (design 5.17).
import { formatMoney, type Money } from '../money.ts'
import { addFractions, fractionOf, multiplyFractions, ratioOf, roundDollars, zeroFraction, type Fraction } from './fraction.ts' // prettier-ignore
import type { Modifier } from './service-tier.ts'

export interface CostLine {
  /** A field of `Usage`, and only that part of it which this price is for: `input_tokens` are the uncached ones. */
  quantity_of: string
  quantity: number
  /** Dollars for `per` of them, as a decimal string. */
  unit_price: string
  per: number
  /** What the unit price is multiplied by, one after the other: a service tier's factor. Absent: by nothing. */
  modifiers?: Modifier[]
  /** Where the unit price is from, when not from the explanation's `source`. */
  source?: string
  /** Only where another model did it (`sub_usage`). */
  model?: string
}

/** The sum of quantity × unit price / per × factors over the lines, rounded once half to even, is the cost. */
export interface CostExplanation {
  /** `reported` (the host told it), `provider` (the answer told it), `host` (the `prices` option), `genai-prices@…`, `lava-gateway@…`. */
  source: string
  model: string | null
  lines: CostLine[]
  /** What was used and is in no line, and conditions of an unknown price (`service_tier=priority`). Absent: nothing. */
  unpriced?: string[]
}

/** As much of a line as its amount depends on. */
interface Priced {
  readonly quantity: number
  readonly unit_price: string
  readonly per: number
  readonly modifiers?: readonly { readonly factor: string }[] | undefined
}

/** What one line comes to, exactly. */
export function dollarsOf({ quantity, unit_price, per, modifiers = [] }: Priced): Fraction {
  const price = fractionOf(unit_price)
  const each = { numerator: price.numerator, denominator: price.denominator * BigInt(per) }
  let dollars = multiplyFractions(each, fractionOf(quantity))
  for (const { factor } of modifiers) dollars = multiplyFractions(dollars, ratioOf(factor))
  return dollars
}

/**
 * The cost, from the explanation in a record alone, to the last digit, as the record has it.
 *
 * @throws RangeError when a line holds something else than decimals.
 * @example
 * recomputeCost({ lines: [{ quantity: 1000, unit_price: '0.15', per: 1_000_000 }] }) // '0.0001500000'
 */
export function recomputeCost({ lines }: { readonly lines: readonly Priced[] }): string {
  return formatMoney(recompute({ lines }))
}

export function recompute({ lines }: { readonly lines: readonly Priced[] }): Money {
  return roundDollars(lines.reduce((sum, line) => addFractions(sum, dollarsOf(line)), zeroFraction))
}
