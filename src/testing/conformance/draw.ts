// A seeded draw: the same random numbers in every run, so that a failure can be repeated.

/** A whole number from 0 to below `count`. */
export type Draw = (count: number) => number

/** The generator mulberry32: 32 bits of state, good enough to mix acts. */
export function drawWith(seed: number): Draw {
  let state = seed >>> 0
  return (count) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * count)
  }
}
