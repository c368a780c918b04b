import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decimalTextOf, fractionOf } from '../../src/pricing/fraction.ts'

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
})
