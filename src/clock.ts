// The clock and the ids: handed in everywhere, so tests decide what time it is.
import { randomFillSync } from 'node:crypto'

/** Milliseconds since the epoch. Handed in by the host or by a test; the default is the system's. */
export type Clock = () => number

/** Makes a fresh id for a request record. */
export type Ids = () => string

export const systemClock: Clock = () => Date.now()

/**
 * Tells times in ISO 8601, as records do. Those of one millisecond share a text: many calls end in each.
 *
 * @example
 * const isoTime = isoTimes()
 * isoTime(0) // '1970-01-01T00:00:00.000Z'
 */
export function isoTimes(): (at_ms: number) => string {
  let told = { at_ms: NaN, text: '' }
  return (at_ms) => {
    if (at_ms !== told.at_ms) told = { at_ms, text: new Date(at_ms).toISOString() }
    return told.text
  }
}

const crockford = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

const randomCharactersPerId = 16
/** Drawn from the system at once: each drawing costs some 15 µs, whatever its size. */
const idsPerDrawing = 256

/**
 * `req_live_` and a ULID (48 bits of time, 80 random bits): sortable by age, as Lava's own ids are.
 *
 * @example
 * const ids = systemIds(systemClock)
 * ids() // 'req_live_01JD…'
 */
export function systemIds(clock: Clock): Ids {
  const random = Buffer.alloc(randomCharactersPerId * idsPerDrawing)
  let drawn = ''
  let used = 0
  let encoded = { milliseconds: NaN, text: '' }
  return () => {
    if (used === drawn.length) {
      drawn = encodeRandom(randomFillSync(random))
      used = 0
    }
    const milliseconds = clock()
    if (milliseconds !== encoded.milliseconds) encoded = { milliseconds, text: encodeTime(milliseconds) }
    const text = drawn.slice(used, used + randomCharactersPerId)
    used += randomCharactersPerId
    return `req_live_${encoded.text}${text}`
  }
}

function encodeTime(milliseconds: number): string {
  let text = ''
  for (let rest = milliseconds, digit = 0; digit < 10; digit++) {
    text = crockford.charAt(rest % 32) + text
    rest = Math.floor(rest / 32)
  }
  return text
}

/** A character a byte, five bits of it: the bytes are written over. */
function encodeRandom(bytes: Buffer): string {
  for (let at = 0; at < bytes.length; at++) bytes[at] = crockford.charCodeAt((bytes[at] ?? 0) & 31)
  return bytes.toString('latin1')
}
