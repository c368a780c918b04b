import { describe, expect, it } from 'vitest'
import { defaultMeter, parseMeter } from '../../src/pricing/meter.ts'

const chat = {
  meter_slug: 'chat',
  name: 'Chat',
  rate_type: 'fixed',
  tier_type: 'tokens_1m',
  tiers: [
    { start: '0', rate: '5' },
    { start: '1000000', rate: '3' },
  ],
}

describe('parseMeter', () => {
  it('takes a meter and freezes it, leaving the host’s object alone', () => {
    const meter = parseMeter(chat)
    expect(meter).toEqual(chat)
    expect(Object.isFrozen(meter) && Object.isFrozen(meter.tiers) && meter.tiers.every(Object.isFrozen)).toBe(true)
    expect(Object.isFrozen(chat) || Object.isFrozen(chat.tiers)).toBe(false)
  })

  it('reads its tiers once, and is printed and copied as the host wrote it', () => {
    const meter = parseMeter(chat)
    expect(meter.scale.steps.map(({ start }) => start)).toEqual([0n, 1_000_000_000_000n])
    // 5 and 3 dollars for a million of a million millionths.
    expect(meter.scale).toMatchObject({ denominator: 100n, steps: [{ rate: 5n }, { rate: 3n }] })
    expect(meter.scale).toBe(meter.scale)
    expect(JSON.parse(JSON.stringify(meter))).toEqual(chat)
    expect(Object.keys({ ...meter })).toEqual(Object.keys(chat))
    expect(parseMeter(meter).scale).toEqual(meter.scale)
  })

  it('has a default that charges the cost', () => {
    expect(parseMeter(defaultMeter)).toEqual(defaultMeter)
    expect(defaultMeter).toMatchObject({
      meter_slug: 'default',
      rate_type: 'percentage',
      tiers: [{ start: '0', rate: '100' }],
    })
    expect(Object.isFrozen(defaultMeter.tiers[0])).toBe(true)
  })

  const wrong: [name: string, change: object, message: RegExp][] = [
    ['an upper-case slug', { meter_slug: 'Chat' }, /`meter_slug`: must be 1 to 64 of a-z/],
    ['an empty name', { name: '' }, /`name`: must not be empty/],
    ['an unknown rate type', { rate_type: 'flat' }, /`rate_type`: must be `fixed`/],
    ['an unknown unit', { tier_type: 'seconds' }, /`tier_type`: must be `tokens_1m`/],
    ['no tiers', { tiers: [] }, /`tiers`: must have at least one tier/],
    ['a first tier above 0', { tiers: [{ start: '10', rate: '1' }] }, /`tiers\.0\.start`: must be "0"/],
    ['equal starts', { tiers: [chat.tiers[0], { start: '0', rate: '1' }] }, /`tiers\.1\.start`: must be above 0/],
    [
      'descending starts',
      { tiers: [...chat.tiers, { start: '9', rate: '1' }] },
      /`tiers\.2\.start`: must be above 1000000/,
    ],
    ['a negative rate', { tiers: [{ start: '0', rate: '-1' }] }, /`tiers\.0\.rate`: must be a decimal string/],
    ['a rate with eleven decimals', { tiers: [{ start: '0', rate: '0.00000000001' }] }, /at most ten decimals/],
    ['a rate as a number', { tiers: [{ start: '0', rate: 5 }] }, /`tiers\.0\.rate`: must be a decimal string/],
    ['a mistyped key', { tier_typ: 'tokens_1m' }, /unknown option `tier_typ`; did you mean `tier_type`/],
    ['a mistyped key of a tier', { tiers: [{ start: '0', rate: '1', rates: '2' }] }, /did you mean `rate`/],
  ]
  for (const [name, change, message] of wrong)
    it(`refuses ${name} and says the mend`, () => {
      expect(() => parseMeter({ ...chat, ...change })).toThrow(message)
      expect(() => parseMeter({ ...chat, ...change })).toThrow(TypeError)
    })
})
