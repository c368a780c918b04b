// The bytes that JSON is built of (RFC 8259 2).

export const quote = 0x22
export const backslash = 0x5c
export const comma = 0x2c
export const colon = 0x3a

export function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}

/** Whether a number, `true`, `false` or `null` ends before it. */
export function isDelimiter(byte: number): boolean {
  return byte === comma || byte === 0x7d || byte === 0x5d || byte === quote || byte === colon || isSpace(byte)
}

/** So much of a string is looked at byte by byte before a native search is worth its call. */
const nearBytes = 64

/** The index of the quote that ends a string whose inside begins at `from`, or `end`. */
export function closingQuote(bytes: Buffer, from: number, end: number): number {
  const near = Math.min(end, from + nearBytes)
  let at = from
  for (; at < near; at++) {
    const byte = bytes[at]
    if (byte === quote) return at
    if (byte === backslash) at++
  }
  while (at < end) {
    const found = bytes.indexOf(quote, at)
    if (found < 0 || found >= end) return end
    if (!isEscaped(bytes, at, found)) return found
    at = found + 1
  }
  return end
}

/** Whether an odd number of backslashes stands before an index, of those from `from` on. */
export function isEscaped(bytes: Buffer, from: number, at: number): boolean {
  let first = at
  while (first > from && bytes[first - 1] === backslash) first--
  return (at - first) % 2 === 1
}
