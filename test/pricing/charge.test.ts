import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatMoney, money, parseMoney, zeroMoney } from '../../src/money.ts'
import { chargeFor, countsUnit, dependsOnTotal, unitsUsed } from '../../src/pricing/charge.ts'
import { defaultMeter, parseMeter, type Meter } from '../../src/pricing/meter.ts'
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

const graduated = meter('fixed', 'tokens_1m', ['0', '5'], ['1000000', '3'])
const million = 1_000_000n

describe('unitsUsed', () => {
  it('counts millionths of a token: input and output, parts not again', () => {
    expect(
      unitsUsed(graduated, { input_tokens: 10, cache_read_tokens: 9, output_tokens: 5, reasoning_tokens: 4 }),
    ).toBe(15n * million)
  })

  it('takes the total only where it is all that is reported', () => {
    expect(unitsUsed(graduated, { total_tokens: 7 })).toBe(7n * million)
    expect(unitsUsed(graduated, { total_tokens: 7, input_tokens: 5 })).toBe(5n * million)
  })

  it('counts tokens that another model used inside the answer', () => {
    const inner = { sub_usage: [{ model: 'x', output_tokens: 2 }] }
    expect(unitsUsed(graduated, { input_tokens: 1, ...inner })).toBe(3n * million)
    expect(countsUnit(graduated, inner)).toBe(true)
    expect(countsUnit(graduated, { images: 1 })).toBe(false)
  })

  it('counts minutes in seconds, to the microsecond, and requests one by one', () => {
    expect(unitsUsed(meter('fixed', 'minutes', ['0', '1']), { input_seconds: 0.1, output_seconds: 0.2 })).toBe(300_000n)
    expect(unitsUsed(meter('fixed', 'minutes', ['0', '1']), { input_seconds: 1.0000005 })).toBe(1_000_000n)
    expect(unitsUsed(meter('fixed', 'requests', ['0', '1']), {})).toBe(million)
    expect(unitsUsed(meter('fixed', 'characters_1m', ['0', '1']), { input_characters: 3, output_characters: 4 })).toBe(
      7n * million,
    )
  })

  it('refuses a count that is negative or not finite', () => {
    expect(() => unitsUsed(graduated, { input_tokens: -1 })).toThrow(RangeError)
    expect(() => unitsUsed(graduated, { input_tokens: Number.NaN })).toThrow(RangeError)
    expect(() => unitsUsed(graduated, { input_tokens: Infinity })).toThrow(RangeError)
  })
})

describe('chargeFor a fixed meter', () => {
  it('charges 17 for 5 M tokens with tiers 0 → 5 and 1 M → 3', () => {
    const { amount, units, charge } = fixedCharge(graduated, { input_tokens: 4_000_000, output_tokens: 1_000_000 })
    expect(formatMoney(amount)).toBe('17.0000000000')
    expect(units).toBe(5_000_000n * million)
    expect(charge).toEqual({
      amount: '17.0000000000',
      rate_type: 'fixed',
      breakdown: [
        line({ start: 0, rate: '5', type: 'tokens_1m' }, { tokens: 1_000_000, cost: '5.0000000000' }),
        line({ start: 1_000_000, rate: '3', type: 'tokens_1m' }, { tokens: 4_000_000, cost: '12.0000000000' }),
      ],
    })
  })

  it('goes on where the total stands, and splits only the request that crosses', () => {
    const { amount, charge } = fixedCharge(graduated, { output_tokens: 10 }, 999_998n * million)
    expect(charge.breakdown.map(({ tokens }) => tokens)).toEqual([2, 8])
    expect(formatMoney(amount)).toBe('0.0000340000')
    expect(fixedCharge(graduated, { output_tokens: 10 }, 1_000_000n * million).charge.breakdown).toHaveLength(1)
  })

  it('charges minutes by the second, exactly', () => {
    const speech = meter('fixed', 'minutes', ['0', '0.06'], ['2', '0.03'])
    const { amount, charge } = fixedCharge(speech, { input_seconds: 150 })
    expect(formatMoney(amount)).toBe('0.1350000000')
    expect(charge.breakdown.map(({ seconds }) => seconds)).toEqual([120, 30])
    expect(formatMoney(fixedCharge(meter('fixed', 'minutes', ['0', '0.01']), { input_seconds: 20 }).amount)).toBe(
      '0.0033333333',
    )
  })

  it('charges characters per million and requests one by one', () => {
    const voice = fixedCharge(meter('fixed', 'characters_1m', ['0', '15']), { input_characters: 5000 })
    expect(voice.charge.breakdown[0]).toMatchObject({ characters: 5000, cost: '0.0750000000' })
    const free = meter('fixed', 'requests', ['0', '0'], ['100', '0.02'])
    expect(fixedCharge(free, {}, 99n * million).amount).toBe(0n)
    expect(fixedCharge(free, {}, 100n * million).charge.breakdown[0]).toMatchObject({
      requests: 1,
      cost: '0.0200000000',
    })
  })

  it('names the tier that applied even when nothing was used', () => {
    const { amount, charge } = fixedCharge(graduated, {}, 2_000_000n * million)
    expect(amount).toBe(0n)
    expect(charge.breakdown).toEqual([
      line({ start: 1_000_000, rate: '3', type: 'tokens_1m' }, { cost: '0.0000000000' }),
    ])
  })

  it('ignores the cost', () => {
    const usage = { input_tokens: 1 }
    expect(chargeFor(graduated, { usage, cost: parseMoney('9'), total_before: 0n })).toEqual(
      fixedCharge(graduated, usage),
    )
  })
})

describe('chargeFor a percentage meter', () => {
  it('charges cost plus 20 % at 120', () => {
    const markup = meter('percentage', 'tokens_1m', ['0', '120'])
    const { amount } = chargeFor(markup, { usage: { input_tokens: 3 }, cost: parseMoney('0.0581'), total_before: 0n })
    expect(formatMoney(amount)).toBe('0.0697200000')
  })

  it('charges the cost by the default meter, to the last digit', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 20n }), fc.nat(), (cost, input_tokens) => {
        const { amount } = chargeFor(defaultMeter, { usage: { input_tokens }, cost: money(cost), total_before: 0n })
        expect(amount).toBe(cost)
      }),
    )
  })

  it('shares the cost over the tiers as the units are', () => {
    const cheaper = meter('percentage', 'tokens_1m', ['0', '200'], ['100', '100'])
    const { amount, charge } = chargeFor(cheaper, {
      usage: { input_tokens: 100 },
      cost: parseMoney('1'),
      total_before: 75n * million,
    })
    expect(formatMoney(amount)).toBe('1.2500000000')
    expect(charge.breakdown.map(({ tokens, cost }) => [tokens, cost])).toEqual([[25, '0.5000000000'], [75, '0.7500000000']]) // prettier-ignore
  })

  it('charges the whole cost in the tier reached when the meter’s unit was not used', () => {
    const cheaper = meter('percentage', 'tokens_1m', ['0', '200'], ['100', '100'])
    const at = (total_before: bigint) =>
      chargeFor(cheaper, { usage: { images: 1 }, cost: parseMoney('1'), total_before }).amount
    expect([at(0n), at(100n * million)].map(formatMoney)).toEqual(['2.0000000000', '1.0000000000'])
  })

  it('depends on the total only with more than one tier', () => {
    expect(dependsOnTotal(defaultMeter)).toBe(false)
    expect(dependsOnTotal(graduated)).toBe(true)
  })
})

function line(tier: { start: number; rate: string; type: string }, filled: object) {
  return { tier, tokens: 0, characters: 0, seconds: 0, requests: 0, ...filled }
}
