// Money: a branded bigint of 1e-10 dollars, its decimal text, and the one rounding.

declare const brand: unique symbol

/** An amount of 1e-10 US dollars (Lava's ten decimals). Never a float, never a JSON number. */
export type Money = bigint & { readonly [brand]: 'Money' }

/** How many `Money` units make one dollar. */
export const unitsPerDollar = 10_000_000_000n

export const zeroMoney: Money = money(0n)

/** Brands a count of 1e-10 dollars. The only door into `Money` besides `parseMoney`. */
export function money(units: bigint): Money {
  return units as Money
}

export function addMoney(a: Money, b: Money): Money {
  return money(a + b)
}

export function subtractMoney(a: Money, b: Money): Money {
  return money(a - b)
}

export function negateMoney(a: Money): Money {
  return money(0n - a)
}

export function maxMoney(a: Money, b: Money): Money {
  return a > b ? a : b
}

export function minMoney(a: Money, b: Money): Money {
  return a < b ? a : b
}

const decimalText = /^-?\d{1,15}(?:\.\d{1,10})?$/

/** Whether `text` is an amount that `parseMoney` takes: at most 15 digits, a point, at most 10 decimals. */
export function isMoneyText(text: string): boolean {
  return decimalText.test(text)
}

/**
 * Reads a decimal string of dollars. More than ten decimals are an error, never rounded away silently.
 *
 * @throws RangeError when the text is not such a decimal.
 * @example
 * parseMoney('12.5') // 125000000000n
 */
export function parseMoney(text: string): Money {
  if (!decimalText.test(text))
    throw new RangeError(`not an amount of dollars with at most ten decimals: ${JSON.stringify(text)}`)
  const point = text.indexOf('.')
  const whole = point < 0 ? text : text.slice(0, point)
  const fraction = point < 0 ? '' : text.slice(point + 1)
  return money(BigInt(whole + fraction.padEnd(10, '0')))
}

/**
 * Prints ten decimals, as every answer of the API does.
 *
 * @example
 * formatMoney(parseMoney('0.997')) // '0.9970000000'
 */
export function formatMoney(amount: Money): string {
  if (amount < 0n) return `-${formatMoney(negateMoney(amount))}`
  const digits = amount.toString()
  if (digits.length <= 10) return zeroText.slice(0, -digits.length) + digits
  return `${digits.slice(0, -10)}.${digits.slice(-10)}`
}

const zeroText = '0.0000000000'

/**
 * The one rounding: to the nearest, a tie to the even neighbour.
 *
 * @throws RangeError when `denominator` is not positive.
 */
export function divideHalfEven(numerator: bigint, denominator: bigint): bigint {
  if (denominator <= 0n) throw new RangeError('divideHalfEven needs a positive denominator')
  const quotient = numerator / denominator
  const remainder = numerator % denominator
  const twice = (remainder < 0n ? -remainder : remainder) * 2n
  if (twice < denominator || (twice === denominator && quotient % 2n === 0n)) return quotient
  return numerator < 0n ? quotient - 1n : quotient + 1n
}
