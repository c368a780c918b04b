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
