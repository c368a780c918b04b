// Cost: what the provider bills for a usage, and the lines that explain it.
import { divideHalfEven, formatMoney, money, subtractMoney, zeroMoney, type Money } from '../money.ts'
import type { Usage } from '../usage.ts'
import { dollarsAt, type CostExplanation, type CostLine } from './cost-explanation.ts'
import { addFractions, decimalTextOf, fractionOf, roundDollars, zeroFraction, type Fraction } from './fraction.ts'
import { priceAt, type ModelPrice, type RateName, type UnitPrice } from './model-price.ts'
import { modifiersOf, type Conditions, type Modifiers } from './service-tier.ts'
import { hasCounts, inputTokensOf, partsOf, type Counts, type UsagePart } from './usage-parts.ts'

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
  const own = price && hasCounts(usage) ? pricedParts(usage, price, usage) : null
  const told = toldCost(usage, reported)
  if (told) {
    const [input_cost, output_cost] = split(told.cost, own?.parts ?? [])
    const explanation = { source: told.source, model: price?.model ?? null, lines: [told.line] }
    return { cost: told.cost, input_cost, output_cost, explanation, unpriced: [] }
  }
  if (!price || !own || (own.parts.length === 0 && own.unpriced.length > 0)) return null
  const inner = subUsageParts(usage, priceOfModel)
  const parts = inner.parts.length === 0 ? own.parts : [...own.parts, ...inner.parts]
  const unpriced = [...new Set([...own.unpriced, ...inner.unpriced])]
  const cost = roundDollars(sumOf(parts))
  const input_cost = roundDollars(sumOf(parts, 'input'))
  return {
    cost,
    input_cost,
    output_cost: subtractMoney(cost, input_cost),
    explanation: {
      source: price.source,
      model: price.model,
      lines: parts.map(lineOf),
      ...(unpriced.length > 0 ? { unpriced } : {}),
    },
    unpriced,
  }
}

/** The same without the explanation, for a hold: null as above. */
export function estimatedCost(usage: Usage, price: ModelPrice | null): Money | null {
  if (!price || !hasCounts(usage)) return null
  const { parts, unpriced } = pricedParts(usage, price, usage)
  return parts.length === 0 && unpriced.length > 0 ? null : roundDollars(sumOf(parts))
}

/** One rate's part of a usage. */
interface PricedPart {
  name: RateName
  side: UsagePart['side']
  quantity: number
  unit: UnitPrice
  /** What it comes to, exactly. */
  dollars: Fraction
  modifiers: Modifiers['known']
  /** Where the rate is from, when not from the price's own source. */
  source: string | undefined
  /** Of work inside the answer. */
  model: string | undefined
}

interface Priced {
  parts: PricedPart[]
  unpriced: string[]
}

function pricedParts(usage: Counts, price: ModelPrice, conditions: Conditions, model?: string): Priced {
  const made = `${usage.image_size ?? ''} ${usage.image_quality ?? ''}`.trim()
  // Each request of a batch has a context of its own.
  const inputTokens = inputTokensOf(usage) / Math.max(1, usage.summed_requests ?? 1)
  const priceConditions = { inputTokens, made }
  const quantities = new Map<RateName, { quantity: number; side: UsagePart['side'] }>()
  const unpriced: string[] = []
  for (const { rates, quantity, side } of partsOf(usage)) {
    const name = rates.find((rate) => price.rates[rate])
    if (name) quantities.set(name, { quantity: (quantities.get(name)?.quantity ?? 0) + quantity, side })
    else unpriced.push(rates[0])
  }
  // A model that worked inside another's answer is not a request of its own.
  if (price.rates.requests && model === undefined) quantities.set('requests', { quantity: 1, side: 'fee' })
  const modifiers = modifiersOf(price, conditions)
  const parts: PricedPart[] = []
  let byTokens = false
  for (const [name, { quantity: counted, side }] of quantities) {
    const rate = price.rates[name]
    if (!rate) continue
    const unit = priceAt(rate, priceConditions)
    const quantity = name === 'input_seconds' ? Math.max(counted, price.inputSecondsMin ?? 0) : counted
    const factors = isTokens(name) ? modifiers.known : none
    byTokens ||= isTokens(name)
    parts.push({ name, side, quantity, unit, dollars: dollarsAt(unit.dollars, { quantity, modifiers: factors }), modifiers: factors, source: rate.source, model }) // prettier-ignore
  }
  if (byTokens) unpriced.push(...modifiers.unknown)
  return { parts, unpriced: byTokens ? unpriced.filter((name) => !isOtherMeasure(name, usage)) : unpriced }
}

const none: Modifiers['known'] = []

function lineOf({ name, quantity, unit, modifiers, source, model }: PricedPart): CostLine {
  return {
    quantity_of: name,
    quantity,
    unit_price: unit.text,
    per: unit.per,
    ...(modifiers.length > 0 ? { modifiers } : {}),
    ...(source === undefined ? {} : { source }),
    ...(model === undefined ? {} : { model }),
  }
}

/** A text to be spoken, a picture, a sound: counted once more, where its tokens are the whole bill. */
function isOtherMeasure(name: string, usage: Counts): boolean {
  if (name === 'images') return usage.output_image_tokens !== undefined
  if (name === 'input_characters') return usage.output_tokens !== undefined
  return name === 'input_seconds' && usage.input_audio_tokens !== undefined
}

/** A service tier is a price of tokens; searches, seconds and pages cost the same in every one. */
function isTokens(quantity_of: string): boolean {
  return quantity_of.endsWith('_tokens')
}

/** Work inside an answer is done under the answer's conditions. */
function subUsageParts(usage: Usage, priceOfModel: CostOptions['priceOfModel']): Priced {
  const all: Priced = { parts: [], unpriced: [] }
  for (const inner of usage.sub_usage ?? []) {
    const price = priceOfModel?.(inner.model) ?? null
    const { parts, unpriced } = price
      ? pricedParts(inner, price, usage, inner.model)
      : { parts: [], unpriced: ['tokens'] }
    all.parts.push(...parts)
    all.unpriced.push(...unpriced.map((name) => `${name} of ${inner.model}`))
  }
  return all
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
function split(cost: Money, parts: readonly PricedPart[]): [input: Money, output: Money] {
  const all = sumOf(parts)
  if (all.numerator === 0n) return [zeroMoney, cost]
  const input = sumOf(parts, 'input')
  const numerator = cost * input.numerator * all.denominator
  const input_cost = money(divideHalfEven(numerator, input.denominator * all.numerator))
  return [input_cost, subtractMoney(cost, input_cost)]
}

function sumOf(parts: readonly PricedPart[], side?: UsagePart['side']): Fraction {
  let sum = zeroFraction
  for (const part of parts) if (side === undefined || part.side === side) sum = addFractions(sum, part.dollars)
  return sum
}
