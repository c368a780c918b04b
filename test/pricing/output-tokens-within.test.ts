import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { money, parseMoney, zeroMoney } from '../../src/money.ts'
import { chargeFor, outputTokensWithin } from '../../src/pricing/charge.ts'
import { costOf } from '../../src/pricing/cost.ts'
import { defaultMeter, parseMeter, type Meter } from '../../src/pricing/meter.ts'
import { priceTable } from '../../src/pricing/price-table.ts'

function meter(
  rate_type: Meter['rate_type'],
  tier_type: Meter['tier_type'],
  ...tiers: [start: string, rate: string][]
): Meter {
  const rates = tiers.map(([start, rate]) => ({ start, rate }))
  return parseMeter({ meter_slug: 'm', name: 'M', rate_type, tier_type, tiers: rates })
}

const graduated = meter('fixed', 'tokens_1m', ['0', '5'], ['1000000', '3'])

describe('outputTokensWithin', () => {
  const price = priceTable({
    prices: { m: { input_tokens_1m: '1', output_tokens_1m: '4' }, embed: { input_tokens_1m: '1' } },
    clock: () => 0,
  }).find({ priceProvider: null, provider: 'x', model: 'm' })

  it('is the most output tokens that fit, and one more does not', () => {
    const markup = meter('percentage', 'tokens_1m', ['0', '120'])
    const fixed = meter('fixed', 'tokens_1m', ['0', '5'], ['500', '3'])
    const chargeOf = (of: Meter, output_tokens: number) => {
      const usage = { input_tokens: 100, output_tokens }
      return chargeFor(of, { usage, cost: costOf(usage, { price })?.cost ?? zeroMoney, total_before: 0n }).amount
    }
    fc.assert(
      fc.property(fc.constantFrom(markup, fixed), fc.bigInt({ min: 0n, max: 10n ** 9n }), (of, available) => {
        const tokens = outputTokensWithin(of, price, 100, money(available)) ?? -1
        expect(tokens).toBeGreaterThanOrEqual(0)
        expect(chargeOf(of, tokens + 1)).toBeGreaterThan(available)
        if (tokens > 0) expect(chargeOf(of, tokens)).toBeLessThanOrEqual(available)
      }),
    )
  })

  it('is 0 when the input alone is too dear, and for a debt', () => {
    expect(outputTokensWithin(defaultMeter, price, 1_000_000, parseMoney('0.5'))).toBe(0)
    expect(outputTokensWithin(defaultMeter, price, 0, parseMoney('-1'))).toBe(0)
  })

  it('is null when the length of the answer does not matter, or its price is unknown', () => {
    expect(outputTokensWithin(meter('fixed', 'requests', ['0', '1']), price, 1, parseMoney('1'))).toBeNull()
    expect(outputTokensWithin(meter('fixed', 'minutes', ['0', '1']), price, 1, parseMoney('1'))).toBeNull()
    expect(outputTokensWithin(defaultMeter, null, 1, parseMoney('1'))).toBeNull()
    expect(outputTokensWithin(graduated, null, 1, parseMoney('5'))).not.toBeNull()
  })
})
