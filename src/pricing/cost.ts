// Cost: what the provider bills for a usage, and the lines that explain it.
import { divideHalfEven, formatMoney, money, subtractMoney, zeroMoney, type Money } from '../money.ts'
import type { Usage } from '../usage.ts'
import { Bill } from './bill.ts'
import type { CostExplanation, CostLine } from './cost-explanation.ts'
import { addFractions, decimalTextOf, fractionOf, roundDollars, roundFraction } from './fraction.ts'
import type { ModelPrice } from './model-price.ts'
import { hasCounts } from './usage-parts.ts'

export interface Costing {
  cost: Money
  /** `input_cost` + `output_cost` is `cost`, exactly. Fees per request and per search are on the output side. */
  input_cost: Money
  output_cost: Money
  explanation: CostExplanation
  /** What was used and is in no line, and conditions, because their price is unknown. Empty when the cost is complete. */
  unpriced: readonly string[]
}

export interface CostOptions {
  price: ModelPrice | null
  /** What the host says the work cost. Goes before everything else. Default null. */
  reported?: Money | null
  /** Prices of models that worked inside the answer (`sub_usage`). Default: none is known. */
  priceOfModel?: (model: string) => ModelPrice | null
}

/**
 * What a usage cost: as the host told, else as the provider told (it knows its own bill), else by the price.
 * Null: it can't be known. The price is unknown, or nothing was counted, or the price covers none of what was counted.
 *
 * @throws RangeError when a count is not a finite number.
 */
export function costOf(usage: Usage, { price, reported = null, priceOfModel }: CostOptions): Costing | null {
  const bill = billOf(usage, price)
  const told = toldCost(usage, reported)
  if (told) {
    const input_cost = inputShare(told.cost, bill)
    const explanation = { source: told.source, model: price?.model ?? null, lines: [told.line] }
    return {
      cost: told.cost,
      input_cost,
      output_cost: subtractMoney(told.cost, input_cost),
      explanation,
      unpriced: none,
    }
  }
  if (!price || !bill || bill.coversNothing) return null
  const { lines, input, all, unpriced } = usage.sub_usage ? withSubUsage(bill, usage, priceOfModel) : bill
  const cost = roundFraction(all)
  const input_cost = roundFraction(input)
  const explanation: CostExplanation = { source: price.source, model: price.model, lines }
  if (unpriced.length > 0) explanation.unpriced = [...new Set(unpriced)]
  return {
    cost,
    input_cost,
    output_cost: subtractMoney(cost, input_cost),
    explanation,
    unpriced: explanation.unpriced ?? none,
  }
}

const none: readonly string[] = []

/** The same without the explanation, for a hold: null as above. */
export function estimatedCost(usage: Usage, price: ModelPrice | null): Money | null {
  const bill = billOf(usage, price)
  return !bill || bill.coversNothing ? null : roundFraction(bill.all)
}

/** Of the answer's own work; null: the price is unknown, or nothing was counted. */
function billOf(usage: Usage, price: ModelPrice | null): Bill | null {
  return price && hasCounts(usage) ? new Bill(usage, price, usage) : null
}

/** Work inside an answer is done under the answer's conditions, at its own model's price. */
function withSubUsage(
  bill: Bill,
  usage: Usage,
  priceOfModel: CostOptions['priceOfModel'],
): Pick<Bill, 'lines' | 'input' | 'all' | 'unpriced'> {
  const lines = bill.lines
  const unpriced = [...bill.unpriced]
  let { input, all } = bill
  for (const { model, ...counts } of usage.sub_usage ?? []) {
    const price = priceOfModel?.(model) ?? null
    const inner = price && new Bill(counts, price, usage, model)
    for (const name of inner ? inner.unpriced : ['tokens']) unpriced.push(`${name} of ${model}`)
    if (!inner) continue
    lines.push(...inner.lines)
    input = addFractions(input, inner.input)
    all = addFractions(all, inner.all)
  }
  return { lines, input, all, unpriced }
}

function toldCost(usage: Usage, reported: Money | null): { source: string; cost: Money; line: CostLine } | null {
  if (reported !== null) {
    const line = { quantity_of: 'cost', quantity: 1, unit_price: formatMoney(reported), per: 1 }
    return { source: 'reported', cost: reported, line }
  }
  const dollars = usage.cost_usd_reported
  if (dollars === undefined || !Number.isFinite(dollars) || dollars < 0) return null
  const line = { quantity_of: 'cost_usd_reported', quantity: 1, unit_price: decimalTextOf(dollars), per: 1 }
  return { source: 'provider', cost: roundDollars(fractionOf(dollars)), line }
}

/** A told cost has no sides; they are taken as the prices would have them, else all of it as output. */
function inputShare(cost: Money, bill: Bill | null): Money {
  if (!bill) return zeroMoney
  const { all, input } = bill
  if (all.numerator === 0n) return zeroMoney
  const numerator = cost * input.numerator * all.denominator
  return money(divideHalfEven(numerator, input.denominator * all.numerator))
}
