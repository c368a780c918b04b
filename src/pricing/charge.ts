// Charge: what the customer pays by the meter, tier by tier, rounded once.
import { divideHalfEven, formatMoney, money, parseMoney, subtractMoney, zeroMoney, type Money } from '../money.ts'
import { billedInputSeconds, type SubUsage, type Usage } from '../usage.ts'
import { estimatedCost } from './cost.ts'
import { fractionOf } from './fraction.ts'
import type { Meter, RateType, TierType } from './meter.ts'
import type { ModelPrice } from './model-price.ts'

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

const millionths = 1_000_000n

/** How many millionths of a token, character, second or request one unit of the rate holds. */
const millionthsPerRate = {
  tokens_1m: 1_000_000n * millionths,
  characters_1m: 1_000_000n * millionths,
  minutes: 60n * millionths,
  requests: millionths,
} as const satisfies Record<TierType, bigint>

/** How many of them one unit of a tier's `start` holds: tokens, characters and requests one by one, minutes as 60 seconds. */
const millionthsPerStart = {
  tokens_1m: millionths,
  characters_1m: millionths,
  minutes: 60n * millionths,
  requests: millionths,
} as const satisfies Record<TierType, bigint>

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
export function unitsUsed(meter: Meter, usage: Usage): bigint {
  if (meter.tier_type === 'requests') return millionths
  let units = 0n
  for (const pass of passesOf(usage)) for (const count of countsOf(meter.tier_type, pass)) units += inMillionths(count)
  return units
}

/** Whether the usage holds any count of the meter's unit. Without one a fixed charge is 0 for want of knowledge. */
export function countsUnit({ tier_type }: Meter, usage: Usage): boolean {
  return tier_type === 'requests' || passesOf(usage).some((pass) => countsOf(tier_type, pass).length > 0)
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
  const breakdown: ChargeLine[] = []
  const { amount, units } = addUp(meter, of, (tier, part, cost) => breakdown.push(chargeLine(meter, tier, part, cost)))
  return { amount, units, charge: { amount: formatMoney(amount), rate_type: meter.rate_type, breakdown } }
}

/** The amount of `chargeFor` alone, for a hold. */
export function chargeAmount(meter: Meter, of: ToCharge): Money {
  return addUp(meter, of, null).amount
}

type EachTier = (tier: Meter['tiers'][number], part: bigint, cost: Money) => void

function addUp(meter: Meter, of: ToCharge, each: EachTier | null): { amount: Money; units: bigint } {
  const units = unitsUsed(meter, of.usage)
  const denominator =
    meter.rate_type === 'fixed'
      ? millionthsPerRate[meter.tier_type]
      : // Ten decimals of the rate, per cent, and the share of the units.
        1_000_000_000_000n * (units || 1n)
  let numerator = 0n
  let charged = zeroMoney
  for (const { tier, part } of partsByTier(meter, of.total_before, units)) {
    // Without units the whole cost belongs to the tier that the total has reached.
    const weight = meter.rate_type === 'fixed' ? part : of.cost * (units === 0n ? 1n : part)
    numerator += weight * parseMoney(tier.rate)
    // Each line is the rounded sum so far less the one before: never negative, and together the one rounding of the whole.
    const soFar = money(divideHalfEven(numerator, denominator))
    each?.(tier, part, subtractMoney(soFar, charged))
    charged = soFar
  }
  return { amount: charged, units }
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

/** The answer's own work and that of other models inside it. */
function passesOf(usage: Usage): (Usage | SubUsage)[] {
  return [usage, ...(usage.sub_usage ?? [])]
}

function countsOf(tierType: Exclude<TierType, 'requests'>, usage: Usage | SubUsage): number[] {
  const present = (...counts: (number | undefined)[]) => counts.filter((count) => count !== undefined)
  if (tierType === 'characters_1m') return present(usage.input_characters, usage.output_characters)
  if (tierType === 'minutes') return present(billedInputSeconds(usage), usage.output_seconds)
  const sides = present(usage.input_tokens, usage.output_tokens)
  return sides.length > 0 ? sides : present(usage.total_tokens)
}

function inMillionths(count: number): bigint {
  const { numerator, denominator } = fractionOf(count)
  if (numerator < 0n) throw new RangeError(`a count can’t be negative: ${count}`)
  return divideHalfEven(numerator * millionths, denominator)
}

interface TierPart {
  tier: Meter['tiers'][number]
  part: bigint
}

/** The units that fall into each tier; with none, the tier that the total has reached. */
function partsByTier(meter: Meter, before: bigint, units: bigint): TierPart[] {
  const after = before + units
  const parts: TierPart[] = []
  let reached: TierPart | null = null
  for (const [index, tier] of meter.tiers.entries()) {
    const start = startOf(meter, tier)
    const next = meter.tiers[index + 1]
    const end = next ? startOf(meter, next) : null
    if (start <= before) reached = { tier, part: 0n }
    const lower = start > before ? start : before
    const upper = end !== null && end < after ? end : after
    if (upper > lower) parts.push({ tier, part: upper - lower })
  }
  return parts.length > 0 || !reached ? parts : [reached]
}

function startOf(meter: Meter, tier: Meter['tiers'][number]): bigint {
  const { numerator, denominator } = fractionOf(tier.start)
  return (numerator * millionthsPerStart[meter.tier_type]) / denominator
}

function chargeLine(meter: Meter, tier: Meter['tiers'][number], part: bigint, cost: Money): ChargeLine {
  const count = Number(part) / Number(millionths)
  return {
    tier: { start: Number(tier.start), rate: tier.rate, type: meter.tier_type },
    tokens: meter.tier_type === 'tokens_1m' ? count : 0,
    characters: meter.tier_type === 'characters_1m' ? count : 0,
    seconds: meter.tier_type === 'minutes' ? count : 0,
    requests: meter.tier_type === 'requests' ? count : 0,
    cost: formatMoney(cost),
  }
}
