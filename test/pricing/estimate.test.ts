import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatMoney } from '../../src/money.ts'
import { estimateCharge, estimateUsage, outputHistory } from '../../src/pricing/estimate.ts'
import { defaultMeter, parseMeter, type Meter } from '../../src/pricing/meter.ts'
import { priceTable } from '../../src/pricing/price-table.ts'

const call = { input_tokens_estimate: 100, max_output_tokens: null, typicalOutputTokens: null, choices: 1 }
const output = (change: object) => estimateUsage({ ...call, ...change }).output_tokens

describe('estimateUsage', () => {
  it('takes 1,000 tokens when nothing is known (litellm PR#27509)', () => {
    expect(estimateUsage(call)).toEqual({ input_tokens: 100, output_tokens: 1000 })
  })

  it('takes the smaller of the cap and the usual length', () => {
    expect(output({ max_output_tokens: 50, typicalOutputTokens: 700 })).toBe(50)
    expect(output({ max_output_tokens: 32_000, typicalOutputTokens: 700 })).toBe(700)
    expect(output({ typicalOutputTokens: 700 })).toBe(700)
  })

  it('takes a cap without history as it is, but not a pretended one of 32,000 (litellm PR#38647)', () => {
    expect(output({ max_output_tokens: 2000 })).toBe(2000)
    expect(output({ max_output_tokens: 32_000 })).toBe(4096)
    expect(output({ max_output_tokens: 0 })).toBe(0)
  })

  it('takes the worst case when strict', () => {
    expect(output({ mode: 'strict', max_output_tokens: 32_000, typicalOutputTokens: 700 })).toBe(32_000)
    expect(output({ mode: 'strict', typicalOutputTokens: 700 })).toBe(16_384)
    expect(output({ mode: 'strict', typicalOutputTokens: 20_000 })).toBe(20_000)
  })

  it('counts every choice', () => {
    expect(output({ choices: 3, max_output_tokens: 10 })).toBe(30)
  })
})

describe('outputHistory', () => {
  it('says nothing before three answers', () => {
    const history = outputHistory({ customersMax: 10 })
    history.learn('a', 'm', 10)
    history.learn('a', 'm', 10)
    expect(history.typical('a', 'm')).toBeNull()
    history.learn('a', 'm', 10)
    expect(history.typical('a', 'm')).toBe(10)
  })

  it('knows a customer apart, and falls back to the model', () => {
    const history = outputHistory({ customersMax: 10 })
    for (let n = 0; n < 5; n++) {
      history.learn('short', 'm', 10)
      history.learn(null, 'm', 5000)
    }
    expect(history.typical('short', 'm')).toBe(10)
    expect(history.typical('new', 'm')).toBeGreaterThan(1000)
    expect(history.typical(null, 'm')).toBe(history.typical('new', 'm'))
    expect(history.typical('short', 'other')).toBeNull()
  })

  it('covers nearly all answers of a steady customer', () => {
    const history = outputHistory({ customersMax: 10 })
    const lengths = Array.from({ length: 400 }, (_, n) => 200 + ((n * 7919) % 600))
    let covered = 0
    for (const length of lengths) {
      if (length <= (history.typical('a', 'm') ?? 0)) covered++
      history.learn('a', 'm', length)
    }
    expect(covered / lengths.length).toBeGreaterThan(0.9)
    expect(history.typical('a', 'm')).toBeLessThan(1200)
  })

  it('follows a customer who changes', () => {
    const history = outputHistory({ customersMax: 10 })
    for (let n = 0; n < 50; n++) history.learn('a', 'm', 10)
    for (let n = 0; n < 50; n++) history.learn('a', 'm', 3000)
    expect(history.typical('a', 'm')).toBeGreaterThan(2900)
  })

  it('is never below nothing nor above what was seen by more than their spread', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(100_000), { minLength: 3, maxLength: 50 }), (lengths) => {
        const history = outputHistory({ customersMax: 10 })
        for (const length of lengths) history.learn('a', 'm', length)
        const typical = history.typical('a', 'm') ?? Number.NaN
        const most = Math.max(...lengths)
        expect(typical).toBeGreaterThanOrEqual(Math.floor(Math.min(...lengths)))
        expect(typical).toBeLessThanOrEqual(most + (most - Math.min(...lengths)) + 1)
      }),
    )
  })

  it('forgets the customer seen longest ago', () => {
    const history = outputHistory({ customersMax: 1 })
    for (let n = 0; n < 3; n++) history.learn('a', 'm', 10)
    expect(history.typical('a', 'm')).toBe(10)
    for (let n = 0; n < 3; n++) history.learn('b', 'm', 5000)
    expect(history.typical('b', 'm')).toBe(5000)
    expect(history.typical('a', 'm')).not.toBe(10)
  })

  it('keeps no endless names and no wrong counts', () => {
    const history = outputHistory({ customersMax: 10 })
    for (const [model, count] of [
      ['n'.repeat(10_000), 10],
      ['bad', Number.NaN],
      ['bad', -1],
    ] as const)
      // prettier-ignore
      for (let n = 0; n < 3; n++) history.learn('x', model, count)
    expect(history.typical('x', 'n'.repeat(10_000))).toBeNull()
    expect(history.typical('x', 'bad')).toBeNull()
  })
})

describe('estimateCharge', () => {
  const price = priceTable({ prices: { m: { input_tokens_1m: '1', output_tokens_1m: '4' } }, clock: () => 0 }).find({
    priceProvider: null,
    provider: 'x',
    model: 'm',
  })
  const fixed = (tier_type: Meter['tier_type'], rate: string) =>
    parseMeter({ meter_slug: 'm', name: 'M', rate_type: 'fixed', tier_type, tiers: [{ start: '0', rate }] })
  const usage = { input_tokens: 1000, output_tokens: 1000 }

  it('goes by the cost for a percentage meter and needs a price for it', () => {
    expect(formatMoney(known(estimateCharge(defaultMeter, price, usage)))).toBe('0.0050000000')
    expect(estimateCharge(defaultMeter, null, usage)).toBeNull()
  })

  it('needs no price for a fixed meter, but a count of its unit', () => {
    expect(formatMoney(known(estimateCharge(fixed('tokens_1m', '5'), null, usage)))).toBe('0.0100000000')
    expect(formatMoney(known(estimateCharge(fixed('requests', '0.02'), null, usage)))).toBe('0.0200000000')
    expect(estimateCharge(fixed('minutes', '0.06'), price, usage)).toBeNull()
    expect(formatMoney(known(estimateCharge(fixed('characters_1m', '15'), null, { input_characters: 1000 })))).toBe(
      '0.0150000000',
    )
  })

  it('starts from the total where the meter is tiered', () => {
    const tiered = parseMeter({
      ...fixed('tokens_1m', '5'),
      tiers: [
        { start: '0', rate: '5' },
        { start: '1000', rate: '1' },
      ],
    })
    expect(formatMoney(known(estimateCharge(tiered, null, usage)))).toBe('0.0060000000')
    expect(formatMoney(known(estimateCharge(tiered, null, usage, 1_000_000_000n)))).toBe('0.0020000000')
  })
})

function known<Value>(value: Value | null): Value {
  if (value === null) throw new Error('nothing was estimated')
  return value
}
