// The clock and the ids: handed in everywhere, so tests decide what time it is.
import { randomBytes } from 'node:crypto'

/** Milliseconds since the epoch. Handed in by the host or by a test; the default is the system's. */
export type Clock = () => number

/** Makes a fresh id for a request record. */
export type Ids = () => string

export const systemClock: Clock = () => Date.now()

const crockford = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/**
 * `req_live_` and a ULID (48 bits of time, 80 random bits): sortable by age, as Lava's own ids are.
 *
 * @example
 * const ids = systemIds(systemClock)
 * ids() // 'req_live_01JD…'
 */
export function systemIds(clock: Clock): Ids {
  return () => `req_live_${encodeTime(clock())}${encodeRandom(randomBytes(16))}`
}

function encodeTime(milliseconds: number): string {
  let text = ''
  for (let rest = milliseconds, digit = 0; digit < 10; digit++) {
    text = crockford.charAt(rest % 32) + text
    rest = Math.floor(rest / 32)
  }
  return text
}

function encodeRandom(bytes: Buffer): string {
  let text = ''
  for (const byte of bytes) text += crockford.charAt(byte & 31)
  return text
}
