import fc from 'fast-check'
import { expect, it } from 'vitest'
import { isoTimes } from '../src/clock.ts'

it('tells times in ISO 8601, the same one twice or not', () => {
  const near = fc.integer({ min: 0, max: 3 }).map((more) => Date.parse('2026-11-20T12:00:00Z') + more)
  fc.assert(
    fc.property(fc.array(near), (times) => {
      const isoTime = isoTimes()
      expect(times.map(isoTime)).toEqual(times.map((at_ms) => new Date(at_ms).toISOString()))
    }),
  )
  expect(() => isoTimes()(NaN)).toThrow(RangeError)
})
