// Charge: what the customer pays by the meter, tier by tier, rounded once.
import { divideHalfEven, formatMoney, money, subtractMoney, zeroMoney, type Money } from '../money.ts'
import { billedInputSeconds, type SubUsage, type Usage } from '../usage.ts'
import { estimatedCost } from './cost.ts'
import { fractionOf } from './fraction.ts'
import type { Meter } from './meter.ts'
import type { ModelPrice } from './model-price.ts'
import { millionths, type RateType, type Scale, type Step, type TierType } from './scale.ts'

/** The part of a charge that one tier prices. Only the meter's own unit is filled in; the others are 0. */
export interface ChargeLine {
  tier: { start: number; rate: string; type: string }
  tokens: number
  characters: number
  seconds: number
  requests: number
  cost: string
}

/** In the shape in which it is stored and answered. The lines' costs add up to `amount` exactly; there is at least one. */
export interface Charge {
  amount: string
  rate_type: RateType
  breakdown: ChargeLine[]
}

export interface PricedCharge {
  amount: Money
  /** What the request adds to the meter's total, as `unitsUsed` counts. */
  units: bigint
  charge: Charge
}

/** Whether a charge depends on what was used before it. */
export function dependsOnTotal(meter: Meter): boolean {
  return meter.tiers.length > 1
}

/**
 * What a usage counts for on a meter, in millionths of a token, character, SECOND or request: tokens are input + output (or
 * the total, where only that is reported), `sub_usage` included; minutes are counted in seconds; one call is one request.
 *
 * @throws RangeError when a count is negative or not finite.
 */
export function unitsUsed({ tier_type }: Meter, usage: Usage): bigint {
  if (tier_type === 'requests') return millionths
  let units = unitsOf(tier_type, usage)
  if (usage.sub_usage) for (const inner of usage.sub_usage) units += unitsOf(tier_type, inner)
  return units
}

/** Whether the usage holds any count of the meter's unit. Without one a fixed charge is 0 for want of knowledge. */
export function countsUnit({ tier_type }: Meter, usage: Usage): boolean {
  if (tier_type === 'requests') return true
  return isCounted(tier_type, usage) || (usage.sub_usage?.some((inner) => isCounted(tier_type, inner)) ?? false)
}

export interface ToCharge {
  usage: Usage
  cost: Money
  /** The meter's total before this request, as `unitsUsed` counts. */
  total_before: bigint
}

/**
 * fixed: rate × units, graduated over the running total: a request that crosses a tier is split. percentage: rate per cent of the
 * cost, shared over the tiers as the units are.
 */
export function chargeFor(meter: Meter, of: ToCharge): PricedCharge {
  const units = unitsUsed(meter, of.usage)
  const parts = chargedParts(meter, of, units)
  const amount = parts.at(-1)?.charged ?? zeroMoney
  const { rate_type, tier_type } = meter
  const breakdown = parts.map((part, at) => chargeLine(tier_type, part, parts[at - 1]?.charged ?? zeroMoney))
  // A sole line has the whole of it.
  const text = breakdown.length === 1 && breakdown[0] ? breakdown[0].cost : formatMoney(amount)
  return { amount, units, charge: { amount: text, rate_type, breakdown } }
}

/** The amount of `chargeFor` alone, for a hold. */
export function chargeAmount(meter: Meter, of: ToCharge): Money {
  return chargedParts(meter, of, unitsUsed(meter, of.usage)).at(-1)?.charged ?? zeroMoney
}

function chargedParts({ rate_type, scale }: Meter, of: ToCharge, units: bigint): StepPart[] {
  const isFixed = rate_type === 'fixed'
  // Without units, and with but one tier, the whole cost belongs to one.
  const isShared = !isFixed && units !== 0n && scale.steps.length > 1
  const denominator = isShared ? scale.denominator * units : scale.denominator
  const parts = partsBySteps(scale, of.total_before, units)
  let numerator = 0n
  for (const each of parts) {
    const weight = isFixed ? each.units : isShared ? of.cost * each.units : of.cost
    numerator += weight * each.step.rate
    each.charged = money(divideHalfEven(numerator, denominator))
  }
  return parts
}

const outputTokensMax = 2 ** 31 - 1

/**
 * The longest answer, in output tokens, that `available` pays for. 0: not even the input. Null: the charge does not depend on
 * the length of the answer, or its price is unknown.
 */
export function outputTokensWithin(
  meter: Meter,
  price: ModelPrice | null,
  input_tokens: number,
  available: Money,
  total_before = 0n,
): number | null {
  const chargeAt = (output_tokens: number): Money | null => {
    const usage = { input_tokens, output_tokens }
    const cost = estimatedCost(usage, price)
    if (meter.rate_type === 'percentage' && cost === null) return null
    return chargeAmount(meter, { usage, cost: cost ?? zeroMoney, total_before })
  }
  const least = chargeAt(0)
  const most = chargeAt(outputTokensMax)
  if (least === null || most === null || least === most) return null
  if (least > available) return 0
  if (most <= available) return outputTokensMax
  let fits = 0
  let exceeds = outputTokensMax
  while (exceeds - fits > 1) {
    const middle = Math.floor((fits + exceeds) / 2)
    const amount = chargeAt(middle)
    if (amount !== null && amount <= available) fits = middle
    else exceeds = middle
  }
  return fits
}

type CountedType = Exclude<TierType, 'requests'>

/** One model's work. */
function unitsOf(tierType: CountedType, pass: Usage | SubUsage): bigint {
  return inMillionths(inputOf(tierType, pass) ?? 0) + inMillionths(outputOf(tierType, pass) ?? 0)
}

function isCounted(tierType: CountedType, pass: Usage | SubUsage): boolean {
  return inputOf(tierType, pass) !== undefined || outputOf(tierType, pass) !== undefined
}

function inputOf(tierType: CountedType, pass: Usage | SubUsage): number | undefined {
  if (tierType === 'characters_1m') return pass.input_characters
  if (tierType === 'minutes') return billedInputSeconds(pass)
  // A total is taken only where it is all that is told.
  return pass.input_tokens ?? (pass.output_tokens === undefined ? pass.total_tokens : undefined)
}

function outputOf(tierType: CountedType, pass: Usage | SubUsage): number | undefined {
  if (tierType === 'characters_1m') return pass.output_characters
  return tierType === 'minutes' ? pass.output_seconds : pass.output_tokens
}

function inMillionths(count: number): bigint {
  if (count < 0) throw new RangeError(`a count can’t be negative: ${count}`)
  if (Number.isSafeInteger(count)) return BigInt(count) * millionths
  const { numerator, denominator } = fractionOf(count)
  return divideHalfEven(numerator * millionths, denominator)
}

/** The units that fall into one tier. */
interface StepPart {
  readonly step: Step
  readonly units: bigint
  /**
   * For this and the parts before it. A line's cost is this less the same of the part before: never negative, and together
   * the one rounding of the whole.
   */
  charged: Money
}

/** With no units, the tier that the total has reached. */
function partsBySteps({ steps }: Scale, before: bigint, units: bigint): StepPart[] {
  const first = steps[0]
  if (first && steps.length === 1) return [{ step: first, units, charged: zeroMoney }]
  const after = before + units
  const parts: StepPart[] = []
  let reached: Step | null = null
  for (const [at, step] of steps.entries()) {
    const { start } = step
    const end = steps[at + 1]?.start ?? after
    if (start <= before) reached = step
    const lower = start > before ? start : before
    const upper = end < after ? end : after
    if (upper > lower) parts.push({ step, units: upper - lower, charged: zeroMoney })
  }
  return parts.length > 0 || !reached ? parts : [{ step: reached, units: 0n, charged: zeroMoney }]
}

function chargeLine(type: TierType, { step, units, charged }: StepPart, before: Money): ChargeLine {
  const count = Number(units) / Number(millionths)
  return {
    tier: { start: step.told.start, rate: step.told.rate, type },
    tokens: type === 'tokens_1m' ? count : 0,
    characters: type === 'characters_1m' ? count : 0,
    seconds: type === 'minutes' ? count : 0,
    requests: type === 'requests' ? count : 0,
    cost: formatMoney(subtractMoney(charged, before)),
  }
}
