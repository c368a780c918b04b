// Fractions: prices and quantities kept exact until the one rounding.
import { divideHalfEven, money, unitsPerDollar, type Money } from '../money.ts'

/** An exact number. The denominator is positive; not necessarily in lowest terms. */
export interface Fraction {
  readonly numerator: bigint
  readonly denominator: bigint
}

export const zeroFraction: Fraction = { numerator: 0n, denominator: 1n }

const decimal = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/

/**
 * A float means the shortest decimal that reads back as it (0.1 is one tenth), which is what its author wrote.
 *
 * @throws RangeError when it is no finite decimal.
 */
export function fractionOf(value: number | string): Fraction {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return { numerator: BigInt(value), denominator: 1n }
  const parts = decimal.exec(String(value))
  if (!parts) throw new RangeError(`not a finite decimal: ${JSON.stringify(String(value))}`)
  const [, sign, whole = '0', fraction = '', exponent = '0'] = parts
  const digits = BigInt(`${whole}${fraction}`)
  const decimals = fraction.length - Number(exponent)
  return {
    numerator: (sign === '-' ? -digits : digits) * (decimals < 0 ? 10n ** BigInt(-decimals) : 1n),
    denominator: decimals > 0 ? 10n ** BigInt(decimals) : 1n,
  }
}

/**
 * A factor: a decimal, or two with a slash where no decimal is exact (`5/3`).
 *
 * @throws RangeError when it is neither.
 */
export function ratioOf(text: string): Fraction {
  const [above = '', below = '1', ...rest] = text.split('/')
  const [dividend, divisor] = [fractionOf(above), fractionOf(below)]
  if (rest.length > 0 || divisor.numerator <= 0n) throw new RangeError(`not a factor: ${JSON.stringify(text)}`)
  return {
    numerator: dividend.numerator * divisor.denominator,
    denominator: dividend.denominator * divisor.numerator,
  }
}

/** A non-negative float as a decimal without an exponent: `1e-7` is `0.0000001`. */
export function decimalTextOf(value: number): string {
  const text = String(value)
  if (!text.includes('e')) return text
  const { numerator, denominator } = fractionOf(value)
  const decimals = String(denominator).length - 1
  const digits = numerator.toString().padStart(decimals + 1, '0')
  return decimals === 0 ? digits : `${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`
}

export function addFractions(a: Fraction, b: Fraction): Fraction {
  if (a.denominator === b.denominator) return { numerator: a.numerator + b.numerator, denominator: a.denominator }
  return {
    numerator: a.numerator * b.denominator + b.numerator * a.denominator,
    denominator: a.denominator * b.denominator,
  }
}

export function multiplyFractions(a: Fraction, b: Fraction): Fraction {
  return { numerator: a.numerator * b.numerator, denominator: a.denominator * b.denominator }
}

/** The same number with the smallest denominator. */
export function lowestTerms({ numerator, denominator }: Fraction): Fraction {
  const divisor = greatestDivisor(numerator, denominator)
  return { numerator: numerator / divisor, denominator: denominator / divisor }
}

/** The greatest common divisor; positive unless both are zero. */
export function greatestDivisor(a: bigint, b: bigint): bigint {
  let [greater, less] = [a < 0n ? -a : a, b < 0n ? -b : b]
  while (less > 0n) [greater, less] = [less, greater % less]
  return greater
}

/** A sum that grows, of prices times counts: one object, where `addFractions` makes one for each. */
export class FractionSum implements Fraction {
  numerator = 0n
  denominator = 1n

  /** @throws RangeError when `count` is not finite. */
  add(each: Fraction, count: number): void {
    if (!Number.isSafeInteger(count)) {
      this.add(multiplyFractions(each, fractionOf(count)), 1)
      return
    }
    const product = each.numerator * BigInt(count)
    if (each.denominator === this.denominator) this.numerator += product
    else {
      this.numerator = this.numerator * each.denominator + product * this.denominator
      this.denominator *= each.denominator
    }
  }
}

/** Units of `Money` to `Money`, half to even. */
export function roundFraction({ numerator, denominator }: Fraction): Money {
  return money(divideHalfEven(numerator, denominator))
}

/** Dollars to `Money`, half to even. */
export function roundDollars({ numerator, denominator }: Fraction): Money {
  return roundFraction({ numerator: numerator * unitsPerDollar, denominator })
}
