// A member set in a JSON object's bytes: everything else in them stays as it was written.
import { backslash, comma, isDelimiter, isSpace, quote } from './json-bytes.ts'

/**
 * Sets the member at the end of a path to a value. What is there already is replaced; an object on the way that is missing, or
 * is no object, is made. All other bytes stay: spaces, big numbers, keys that stand twice (where, as in JSON.parse, the last counts).
 *
 * @param bytes a valid JSON object, in UTF-8.
 * @param path the keys from the outermost object inwards; at least one.
 * @param value JSON text.
 *
 * @example
 * setMember(Buffer.from('{ "n": 1.0 }'), ['options', 'deep'], 'true').toString() // '{"options":{"deep":true}, "n": 1.0 }'
 */
export function setMember(bytes: Buffer, path: readonly string[], value: string): Buffer {
  let open = bytes.indexOf(openBrace)
  for (const [depth, key] of path.entries()) {
    const inner = path.slice(depth + 1)
    const found = mayHold(bytes, key) ? findMember(bytes, open, key) : null
    if (found === null) {
      const separator = bytes[afterSpace(bytes, open + 1)] === closeBrace ? '' : ','
      return splice(bytes, open + 1, open + 1, `${JSON.stringify(key)}:${nested(inner, value)}${separator}`)
    }
    if (inner.length === 0 || bytes[found] !== openBrace)
      return splice(bytes, found, valueEnd(bytes, found), nested(inner, value))
    open = found
  }
  return bytes
}

const [openBrace, closeBrace, openBracket, closeBracket] = [0x7b, 0x7d, 0x5b, 0x5d] as const

/** One native search spares most bodies the walk: a key of plain letters can only be written as it is, or with `\u`. */
function mayHold(bytes: Buffer, key: string): boolean {
  return bytes.includes(key) || bytes.includes('\\u') || !/^\w+$/.test(key)
}

/** Where the value of a key begins in the object that opens at `open`; null when the object has no such key. */
function findMember(bytes: Buffer, open: number, key: string): number | null {
  let found: number | null = null
  let at = afterSpace(bytes, open + 1)
  while (bytes[at] === quote) {
    const keyEnd = stringEnd(bytes, at)
    const start = afterSpace(bytes, afterSpace(bytes, keyEnd) + 1)
    // Parsed, because a key may be written with escapes.
    if (JSON.parse(bytes.toString('utf8', at, keyEnd)) === key) found = start
    at = afterSpace(bytes, valueEnd(bytes, start))
    if (bytes[at] === comma) at = afterSpace(bytes, at + 1)
  }
  return found
}

/** The index behind the value that begins at `start`. */
function valueEnd(bytes: Buffer, start: number): number {
  const first = bytes[start]
  if (first === quote) return stringEnd(bytes, start)
  if (first !== openBrace && first !== openBracket) return literalEnd(bytes, start)
  let depth = 0
  let at = start
  do {
    const byte = bytes[at]
    if (byte === openBrace || byte === openBracket) depth++
    if (byte === closeBrace || byte === closeBracket) depth--
    at = byte === quote ? stringEnd(bytes, at) : at + 1
  } while (depth > 0 && at < bytes.length)
  return at
}

function stringEnd(bytes: Buffer, start: number): number {
  let end = bytes.indexOf(quote, start + 1)
  while (end >= 0 && isEscaped(bytes, end)) end = bytes.indexOf(quote, end + 1)
  return end < 0 ? bytes.length : end + 1
}

/** An odd number of backslashes stands before it. */
function isEscaped(bytes: Buffer, at: number): boolean {
  let first = at
  while (bytes[first - 1] === backslash) first--
  return (at - first) % 2 === 1
}

function literalEnd(bytes: Buffer, start: number): number {
  let at = start + 1
  while (at < bytes.length && !isDelimiter(bytes[at] ?? quote)) at++
  return at
}

function afterSpace(bytes: Buffer, from: number): number {
  let at = from
  while (isSpace(bytes[at] ?? quote)) at++
  return at
}

function nested(path: readonly string[], value: string): string {
  return path.reduceRight((inner, key) => `{${JSON.stringify(key)}:${inner}}`, value)
}

function splice(bytes: Buffer, start: number, end: number, text: string): Buffer {
  return Buffer.concat([bytes.subarray(0, start), Buffer.from(text), bytes.subarray(end)])
}
