import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  addFractions,
  decimalTextOf,
  fractionOf,
  FractionSum,
  lowestTerms,
  multiplyFractions,
  zeroFraction,
} from '../../src/pricing/fraction.ts'

describe('fractions', () => {
  it('read a float as the decimal it was written as', () => {
    expect(fractionOf(0.1)).toEqual({ numerator: 1n, denominator: 10n })
    expect(fractionOf(1.5e-7)).toEqual({ numerator: 15n, denominator: 10n ** 8n })
    expect(fractionOf(1e21)).toEqual({ numerator: 10n ** 21n, denominator: 1n })
    expect(() => fractionOf(Number.NaN)).toThrow(RangeError)
    expect(() => fractionOf(Infinity)).toThrow(RangeError)
  })

  it('print what they read', () => {
    const floats = fc.double({ min: 0, max: 1e30, noNaN: true })
    fc.assert(
      fc.property(floats, (value) => {
        expect(decimalTextOf(value)).toMatch(/^\d+(\.\d+)?$/)
        expect(Number(decimalTextOf(value))).toBe(Math.abs(value))
      }),
    )
  })

  const fraction = fc
    .tuple(fc.bigInt({ min: -(10n ** 14n), max: 10n ** 14n }), fc.bigInt({ min: 1n, max: 10n ** 9n }))
    .map(([numerator, denominator]) => ({ numerator, denominator }))

  it('add up, times whole counts and others, to what they add up to one by one', () => {
    const count = fc.oneof(fc.nat(), fc.double({ min: 0, max: 1e20, noNaN: true }), fc.constantFrom(2 ** 53, 0.1))
    const whole = fraction.map(({ numerator }) => ({ numerator, denominator: 1n }))
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.oneof(fraction, whole), count), { maxLength: 8 }), (terms) => {
        const sum = new FractionSum()
        for (const [each, times] of terms) sum.add(each, times)
        const plain = terms.reduce(
          (all, [each, times]) => addFractions(all, multiplyFractions(each, fractionOf(times))),
          zeroFraction,
        )
        expect(sum.numerator * plain.denominator).toBe(plain.numerator * sum.denominator)
      }),
    )
    expect(() => new FractionSum().add(zeroFraction, Number.NaN)).toThrow(RangeError)
  })

  it('stay the same number in lowest terms', () => {
    fc.assert(
      fc.property(fraction, fc.bigInt({ min: 1n, max: 999n }), ({ numerator, denominator }, by) => {
        const reduced = lowestTerms({ numerator: numerator * by, denominator: denominator * by })
        expect(reduced).toEqual(lowestTerms({ numerator, denominator }))
        expect(reduced.numerator * denominator).toBe(numerator * reduced.denominator)
        expect(reduced.denominator > 0n && reduced.denominator <= denominator).toBe(true)
      }),
    )
  })
})
