// The scene of a chaos run: who pays by which meter, and what the model costs; the same for the gateways and the audit.
import type { MeterInput } from '../../src/pricing/meter.ts'

export const secretKey = 'aks_test_chaos_0123456789'
export const chatUrl = 'https://api.openai.com/v1/chat/completions'
export const model = 'chaos-1'

/** Dollars per million tokens, with more decimals than a cent, so that every charge is rounded. */
export const prices = { [model]: { input_tokens_1m: '2.7531', output_tokens_1m: '11.3017' } } as const

export const percentMeter = {
  meter_slug: 'percent',
  name: 'Cost plus 23.7 %',
  rate_type: 'percentage',
  tier_type: 'tokens_1m',
  tiers: [{ start: '0', rate: '123.7' }],
} as const satisfies MeterInput

/** Tiers grow by the factor two, so that they are crossed in a short run and still in a long one. */
export const tieredMeter = {
  meter_slug: 'tiered',
  name: 'By the million, in tiers',
  rate_type: 'fixed',
  tier_type: 'tokens_1m',
  tiers: [
    { start: '0', rate: '31.7' },
    ...Array.from({ length: 12 }, (_, index) => ({
      start: String(500 * 2 ** index),
      rate: `${30 - 2 * index}.1234567`,
    })),
  ],
} as const satisfies MeterInput

export const meters = [percentMeter, tieredMeter]

export interface Customer {
  id: string
  meter: (typeof meters)[number]
  /**
   * Every answer is as long as its request allows and nothing is reported, so that no charge passes its hold: such a customer may
   * never be below zero. The others' answers may be longer than what was held, and reports have no hold.
   */
  steady: boolean
}

export const customers: readonly Customer[] = [
  { id: 'ada', meter: percentMeter, steady: true },
  { id: 'ben', meter: percentMeter, steady: false },
  { id: 'cleo', meter: tieredMeter, steady: true },
  { id: 'dan', meter: tieredMeter, steady: false },
]
