import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { divideHalfEven, formatMoney, money, parseMoney, zeroMoney } from '../../src/money.ts'
import { chargeFor } from '../../src/pricing/charge.ts'
import { parseMeter, type Meter } from '../../src/pricing/meter.ts'
import type { Usage } from '../../src/usage.ts'

function meter(
  rate_type: Meter['rate_type'],
  tier_type: Meter['tier_type'],
  ...tiers: [start: string, rate: string][]
): Meter {
  const rates = tiers.map(([start, rate]) => ({ start, rate }))
  return parseMeter({ meter_slug: 'm', name: 'M', rate_type, tier_type, tiers: rates })
}

function fixedCharge(of: Meter, usage: Usage, total_before = 0n) {
  return chargeFor(of, { usage, cost: zeroMoney, total_before })
}

const million = 1_000_000n

const decimals = (max: number) =>
  fc.tuple(fc.nat(max), fc.nat(9_999_999)).map(([a, b]) => `${a}.${String(b).padStart(7, '0')}`)
const meters = fc
  .record({
    rate_type: fc.constantFrom('fixed' as const, 'percentage' as const),
    tier_type: fc.constantFrom('tokens_1m' as const, 'minutes' as const, 'characters_1m' as const, 'requests' as const),
    starts: fc.uniqueArray(fc.integer({ min: 1, max: 5_000 }), { maxLength: 4 }),
    rates: fc.array(decimals(200), { minLength: 5, maxLength: 5 }),
  })
  .map(({ rate_type, tier_type, starts, rates }) => {
    const sorted = [0, ...starts.sort((a, b) => a - b)]
    return meter(
      rate_type,
      tier_type,
      ...sorted.map((start, at): [string, string] => [String(start), rates[at] ?? '0']),
    )
  })
const used = fc.nat(4_000)
const usageOf = (count: number): Usage => ({ input_tokens: count, input_seconds: count / 4, input_characters: count })
const costs = fc.bigInt({ min: 0n, max: 10n ** 14n }).map(money)
const totals = fc.bigInt({ min: 0n, max: 10_000n * million })

describe('every charge', () => {
  it('is the sum of its breakdown, and no line is negative', () => {
    fc.assert(
      fc.property(meters, used, costs, totals, (of, count, cost, total_before) => {
        const { amount, units, charge } = chargeFor(of, { usage: usageOf(count), cost, total_before })
        const lines = charge.breakdown.map((each) => parseMoney(each.cost))
        expect(lines.reduce<bigint>((sum, each) => sum + each, 0n)).toBe(amount)
        expect(lines.every((each) => each >= 0n)).toBe(true)
        expect(charge.amount).toBe(formatMoney(amount))
        const counted = charge.breakdown.reduce(
          (sum, each) => sum + each.tokens + each.seconds + each.characters + each.requests,
          0,
        )
        expect(counted).toBeCloseTo(Number(units) / 1e6, 6)
      }),
    )
  })

  it('of a fixed meter is the exact sum over its tiers, rounded once', () => {
    fc.assert(
      fc.property(meters, used, totals, (of, count, total_before) => {
        fc.pre(of.rate_type === 'fixed')
        const { amount, units } = fixedCharge(of, usageOf(count), total_before)
        expect(doubleDistance(amount, exactFixed(of, total_before, units))).toBeLessThanOrEqual(1)
      }),
    )
  })

  it('costs the same in one request or in several: exactly before rounding, within one unit each after', () => {
    fc.assert(
      fc.property(meters, fc.array(used, { minLength: 1, maxLength: 6 }), totals, (of, counts, start) => {
        fc.pre(of.rate_type === 'fixed' && of.tier_type !== 'requests')
        let total = start
        let amounts = 0n
        let exact = 0n
        for (const count of counts) {
          const part = fixedCharge(of, usageOf(count), total)
          exact += exactFixed(of, total, part.units).numerator
          amounts += part.amount
          total += part.units
        }
        const whole = fixedCharge(of, usageOf(counts.reduce((sum, count) => sum + count, 0)), start)
        expect(whole.units).toBe(total - start)
        expect(exact).toBe(exactFixed(of, start, whole.units).numerator)
        const apart = amounts > whole.amount ? amounts - whole.amount : whole.amount - amounts
        expect(apart).toBeLessThanOrEqual(BigInt(counts.length))
      }),
    )
  })

  it('is, line by line, the rounded sum so far less the one before, over the tiers as the host wrote them', () => {
    fc.assert(
      fc.property(meters, used, costs, totals, (of, count, cost, total_before) => {
        const { units, charge } = chargeFor(of, { usage: usageOf(count), cost, total_before })
        expect(charge.breakdown.map(({ tier, cost: text }) => [tier.rate, parseMoney(text)])).toEqual(
          plainLines(of, total_before, units, cost),
        )
      }),
    )
  })

  it('never falls when more is used', () => {
    fc.assert(
      fc.property(meters, used, used, costs, totals, (of, count, more, cost, total_before) => {
        fc.pre(of.rate_type === 'fixed')
        const less = chargeFor(of, { usage: usageOf(count), cost, total_before }).amount
        expect(chargeFor(of, { usage: usageOf(count + more), cost, total_before }).amount).toBeGreaterThanOrEqual(less)
      }),
    )
  })
})

/** The charge of units `[from, from + units)` as a fraction of 1e-10 dollars, tier by tier, with no rounding. */
function exactFixed(of: Meter, from: bigint, units: bigint): { numerator: bigint; denominator: bigint } {
  const perStart = of.tier_type === 'minutes' ? 60n * million : million
  const denominator = {
    tokens_1m: million * million,
    characters_1m: million * million,
    minutes: 60n * million,
    requests: million,
  }[of.tier_type]
  const upTo = (total: bigint) =>
    of.tiers.reduce((sum, { start, rate }, at) => {
      const next = of.tiers[at + 1]
      const lower = BigInt(start) * perStart
      const upper = next && BigInt(next.start) * perStart < total ? BigInt(next.start) * perStart : total
      return upper > lower ? sum + (upper - lower) * parseMoney(rate) : sum
    }, 0n)
  return { numerator: upTo(from + units) - upTo(from), denominator }
}

const billionth = 10n ** 9n

/** By the definition alone: no tier's numbers are made smaller, none is left out of the arithmetic. */
function plainLines(of: Meter, from: bigint, units: bigint, cost: bigint): [rate: string, cost: bigint][] {
  const perStart = of.tier_type === 'minutes' ? 60n * million : million
  const perRate = { tokens_1m: 10n ** 12n, characters_1m: 10n ** 12n, minutes: 60n * million, requests: million }
  const isFixed = of.rate_type === 'fixed'
  const denominator = isFixed ? perRate[of.tier_type] : 1_000n * billionth * (units || 1n)
  let numerator = 0n
  let charged = 0n
  const lines: [rate: string, cost: bigint][] = []
  for (const [at, { start, rate }] of of.tiers.entries()) {
    const next = of.tiers[at + 1]
    const lower = BigInt(start) * perStart
    const upper = next ? BigInt(next.start) * perStart : from + units + 1n
    const [first, last] = [lower > from ? lower : from, upper < from + units ? upper : from + units]
    const isReached = units === 0n && lower <= from && from < upper
    if (last <= first && !isReached) continue
    const weight = isReached ? 1n : last - first
    numerator += (isFixed ? (isReached ? 0n : weight) : cost * weight) * parseMoney(rate)
    const soFar = divideHalfEven(numerator, denominator)
    lines.push([rate, soFar - charged])
    charged = soFar
  }
  return lines
}

function doubleDistance(
  amount: bigint,
  { numerator, denominator }: { numerator: bigint; denominator: bigint },
): number {
  const off = amount * denominator - numerator
  return Number((off < 0n ? -off : off) * 2n) / Number(denominator)
}
