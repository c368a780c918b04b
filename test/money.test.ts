import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  addMoney, divideHalfEven, formatMoney, isMoneyText, maxMoney, minMoney, money, negateMoney, parseMoney, subtractMoney,
  unitsPerDollar, zeroMoney,
} from '../src/money.ts' // prettier-ignore

const amounts = fc.bigInt({ min: -(10n ** 24n), max: 10n ** 24n }).map(money)

describe('money', () => {
  it('reads and prints ten decimals', () => {
    expect(parseMoney('12.5')).toBe(125_000_000_000n)
    expect(formatMoney(parseMoney('0.997'))).toBe('0.9970000000')
    expect(formatMoney(parseMoney('-0.0000000001'))).toBe('-0.0000000001')
    expect(formatMoney(zeroMoney)).toBe('0.0000000000')
    expect(parseMoney('1')).toBe(unitsPerDollar)
  })

  it('comes back from its text unchanged', () => {
    fc.assert(
      fc.property(amounts, (amount) => {
        expect(parseMoney(formatMoney(amount))).toBe(amount)
      }),
    )
  })

  it('prints an amount as ten decimals of its whole and its rest, small or great, and reads them', () => {
    const small = fc.bigInt({ min: -(10n ** 11n), max: 10n ** 11n }).map(money)
    fc.assert(
      fc.property(fc.oneof(small, amounts), (amount) => {
        const units = amount < 0n ? negateMoney(amount) : amount
        const plain = `${units / unitsPerDollar}.${String(units % unitsPerDollar).padStart(10, '0')}`
        expect(formatMoney(amount)).toBe(amount < 0n ? `-${plain}` : plain)
        expect(parseMoney(formatMoney(amount))).toBe(amount)
      }),
    )
  })

  it('reads as many decimals as there are', () => {
    const text = fc.tuple(fc.constantFrom('', '-'), fc.nat(999_999), fc.stringMatching(/^\d{1,10}$/))
    fc.assert(
      fc.property(text, ([sign, whole, decimals]) => {
        const units =
          BigInt(whole) * unitsPerDollar + (BigInt(decimals) * unitsPerDollar) / 10n ** BigInt(decimals.length)
        expect(parseMoney(`${sign}${whole}.${decimals}`)).toBe(sign === '' ? units : -units)
        expect(parseMoney(`${sign}${whole}`)).toBe(BigInt(`${sign}${whole}`) * unitsPerDollar)
      }),
    )
  })

  it('never rounds away an eleventh decimal, and takes nothing but decimals', () => {
    for (const text of ['0.12345678901', '1e3', '', ' 1', '1.', '.5', '+1', '1,5', 'NaN', '0x1', '1234567890123456']) {
      expect(isMoneyText(text), text).toBe(false)
      expect(() => parseMoney(text), text).toThrow(RangeError)
    }
  })

  it('adds, subtracts, negates and compares', () => {
    fc.assert(
      fc.property(amounts, amounts, (a, b) => {
        expect(subtractMoney(addMoney(a, b), b)).toBe(a)
        expect(addMoney(a, negateMoney(a))).toBe(zeroMoney)
        expect(addMoney(minMoney(a, b), maxMoney(a, b))).toBe(addMoney(a, b))
        expect(minMoney(a, b) <= maxMoney(a, b)).toBe(true)
      }),
    )
  })
})

describe('divideHalfEven', () => {
  it('rounds a tie to the even neighbour, on both sides of zero', () => {
    const ties = [-7n, -5n, -3n, -1n, 1n, 3n, 5n, 7n].map((numerator) => divideHalfEven(numerator, 2n))
    expect(ties).toEqual([-4n, -2n, -2n, 0n, 0n, 2n, 2n, 4n])
  })

  it('is the nearest whole number, and the even one of two nearest', () => {
    fc.assert(
      fc.property(fc.bigInt(), fc.bigInt({ min: 1n, max: 10n ** 12n }), (numerator, denominator) => {
        const rounded = divideHalfEven(numerator, denominator)
        const twiceOff = (numerator - rounded * denominator) * 2n
        const distance = twiceOff < 0n ? -twiceOff : twiceOff
        expect(distance <= denominator).toBe(true)
        if (distance === denominator) expect(rounded % 2n).toBe(0n)
        expect(divideHalfEven(-numerator, denominator)).toBe(-rounded)
      }),
    )
  })

  it('refuses a denominator that is not positive', () => {
    expect(() => divideHalfEven(1n, 0n)).toThrow(RangeError)
    expect(() => divideHalfEven(1n, -2n)).toThrow(RangeError)
  })
})
