// The scale: a meter's tiers as numbers to reckon with, read once.
import { parseMoney } from '../money.ts'
import { fractionOf, greatestDivisor } from './fraction.ts'

export type RateType = 'fixed' | 'percentage'
export type TierType = 'tokens_1m' | 'characters_1m' | 'minutes' | 'requests'

export interface Tier {
  readonly start: string
  readonly rate: string
}

export interface Scale {
  /** At least one, in ascending order. */
  readonly steps: readonly Step[]
  /**
   * What a step's rate is divided by: fixed: `Money` for a millionth of a token, character, second or request; percentage:
   * the part of the cost.
   */
  readonly denominator: bigint
}

export interface Step {
  /** In millionths of a token, character, second or request. */
  readonly start: bigint
  readonly rate: bigint
  /** As a charge tells it. */
  readonly told: { readonly start: number; readonly rate: string }
}

export const millionths = 1_000_000n

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

/** Ten decimals of the rate, per cent. */
const percentDenominator = 1_000_000_000_000n

interface Tiered {
  readonly rate_type: RateType
  readonly tier_type: TierType
  readonly tiers: readonly Tier[]
}

/** @throws RangeError when a start or a rate is no decimal. */
export function scaleOf({ rate_type, tier_type, tiers }: Tiered): Scale {
  const rates = tiers.map(({ rate }): bigint => parseMoney(rate))
  const whole = rate_type === 'fixed' ? millionthsPerRate[tier_type] : percentDenominator
  // In lowest terms, so that what is multiplied later stays small.
  const divisor = rates.reduce(greatestDivisor, whole)
  const steps = tiers.map(({ start, rate }, at) => {
    const { numerator, denominator } = fractionOf(start)
    return Object.freeze({
      start: (numerator * millionthsPerStart[tier_type]) / denominator,
      rate: (rates[at] ?? 0n) / divisor,
      told: Object.freeze({ start: Number(start), rate }),
    })
  })
  return Object.freeze({ steps: Object.freeze(steps), denominator: whole / divisor })
}
