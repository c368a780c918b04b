import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { requestRecordSchema } from '../../src/ledger/request-record.ts'
import { formatMoney, parseMoney } from '../../src/money.ts'
import { recompute, recomputeCost } from '../../src/pricing/cost-explanation.ts'
import { costOf } from '../../src/pricing/cost.ts'
import { priceTable } from '../../src/pricing/price-table.ts'
import type { Usage } from '../../src/usage.ts'

const at_ms = Date.parse('2026-11-20T12:00:00Z')
const count = fc.nat(400_000)
const few = fc.nat(9)
const counts = {
  input_tokens: count, output_tokens: count, cache_read_tokens: count, cache_write_tokens: count, cache_write_1h_tokens: count,
  reasoning_tokens: count, input_audio_tokens: count, output_image_tokens: count, input_characters: count, images: few, pages: few,
  search_units: few, web_search_requests: few, file_search_requests: few, input_seconds: fc.double({ min: 0, max: 9_999, noNaN: true }),
} // prettier-ignore
const conditions = {
  service_tier: fc.constantFrom('flex', 'priority', 'default', 'scale', 'unheard-of'),
  inference_geo: fc.constantFrom('us', 'global'),
  speed: fc.constantFrom('fast', 'standard'),
}
const inner = fc.record({ model: fc.constantFrom('gpt-4o-mini', 'claude-haiku-4-5'), ...counts }, { requiredKeys: ['model'] }) // prettier-ignore
const usages: fc.Arbitrary<Usage> = fc.record(
  { ...counts, ...conditions, sub_usage: fc.array(inner, { maxLength: 2 }) },
  { requiredKeys: [] },
)
const models = fc.constantFrom(
  ['openai', 'gpt-4o-mini'], ['openai', 'o4-mini'], ['openai', 'gpt-5.4'], ['anthropic', 'claude-opus-4-6'],
  ['google', 'gemini-2.5-pro'], ['groq', 'whisper-large-v3'], ['deepgram', 'nova-3'], ['host', 'mine'],
) // prettier-ignore
const dollars = fc.tuple(fc.nat(500), fc.nat(9_999_999_999)).map(([a, b]) => `${a}.${String(b).padStart(10, '0')}`)
const own = fc.record({
  input_tokens_1m: dollars, output_tokens_1m: dollars, cache_read_tokens_1m: dollars, input_characters_1m: dollars,
  input_minutes: dollars, images: dollars, requests: dollars,
}) // prettier-ignore

/** Cached and written ones too. */
const inputSide = /^(?:input|cache)_|^pages$/

describe('recompute', () => {
  it('gives the cost back to the last digit, for any usage and price, from the record as it is stored', () => {
    const explanationSchema = requestRecordSchema.shape.cost_explanation.unwrap()
    let priced = 0
    fc.assert(
      fc.property(usages, models, own, (usage, [priceProvider = '', model = ''], mine) => {
        const table = priceTable({ prices: { mine }, clock: () => at_ms })
        const find = (name: string) => table.find({ priceProvider, provider: priceProvider, model: name })
        const costing = costOf(usage, { price: find(model), priceOfModel: find })
        if (!costing) return
        priced++
        const stored = explanationSchema.parse(JSON.parse(JSON.stringify(costing.explanation)))
        expect(stored).toEqual(costing.explanation)
        expect(recompute(stored)).toBe(costing.cost)
        expect(recomputeCost(stored)).toBe(formatMoney(costing.cost))
        expect(costing.input_cost + costing.output_cost).toBe(costing.cost)
        const input = stored.lines.filter(({ quantity_of }) => inputSide.test(quantity_of))
        expect(recompute({ lines: input })).toBe(costing.input_cost)
      }),
    )
    expect(priced).toBeGreaterThan(50)
  })

  it('gives back a cost that was told', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 99, noNaN: true }), (cost_usd_reported) => {
        const costing = costOf({ cost_usd_reported }, { price: null })
        expect(costing && recompute(costing.explanation)).toBe(costing?.cost)
      }),
    )
    const reported = parseMoney('0.0000000001')
    expect(recompute(costOf({}, { price: null, reported })?.explanation ?? { lines: [] })).toBe(reported)
  })

  it('multiplies by every factor of a line, decimals and ratios', () => {
    const line = { quantity: 3, unit_price: '0.10', per: 1, modifiers: [{ factor: '5/3' }, { factor: '1.1' }] }
    expect(recompute({ lines: [line, { quantity: 1, unit_price: '1', per: 1_000 }] })).toBe(parseMoney('0.551'))
  })

  it.each(['', '1/0', '1/2/3', 'half', '0.5 '])('refuses %j as a factor', (factor) => {
    const line = { quantity: 1, unit_price: '1', per: 1, modifiers: [{ factor }] }
    expect(() => recompute({ lines: [line] })).toThrow(RangeError)
  })
})
