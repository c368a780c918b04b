import { calcPrice } from '@pydantic/genai-prices'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { recompute, type CostLine } from '../../src/pricing/cost-explanation.ts'
import { costOf, type Costing } from '../../src/pricing/cost.ts'
import type { ModelPrice } from '../../src/pricing/model-price.ts'
import { priceTable } from '../../src/pricing/price-table.ts'
import type { Usage } from '../../src/usage.ts'

const at_ms = Date.parse('2026-06-01T12:00:00Z')
const table = priceTable({ prices: {}, clock: () => at_ms })

function listed(priceProvider: string, model: string): ModelPrice {
  return known(table.find({ priceProvider, provider: priceProvider, model }))
}

function known<Value>(value: Value | null): Value {
  if (value === null) throw new Error('unknown')
  return value
}

function cost(usage: Usage, price: ModelPrice): Costing {
  return known(costOf(usage, { price }))
}

const count = fc.nat(400_000)
const usages = fc
  .record({ fresh: count, read: count, write5m: count, write1h: count, output: count, reasoning: count })
  .map(({ fresh, read, write5m, write1h, output, reasoning }): Usage => ({
    input_tokens: fresh + read + write5m + write1h,
    cache_read_tokens: read,
    cache_write_tokens: write5m + write1h,
    cache_write_1h_tokens: write1h,
    output_tokens: output + reasoning,
    reasoning_tokens: reasoning,
  }))

describe('every cost', () => {
  const models = fc.constantFrom(
    ['anthropic', 'claude-sonnet-4-5'], ['anthropic', 'claude-haiku-4-5'], ['openai', 'gpt-4o'], ['openai', 'gpt-5'],
    ['google', 'gemini-2.5-pro'], ['google', 'gemini-2.5-flash'], ['deepseek', 'deepseek-chat'], ['groq', 'llama-3.3-70b-versatile'],
  ) // prettier-ignore

  it('is what the library computes in floats', () => {
    fc.assert(
      fc.property(models, usages, ([provider = '', model = ''], usage) => {
        const { reasoning_tokens, ...rest } = usage
        const { cache_read_tokens, cache_write_tokens, cache_write_1h_tokens, input_tokens, output_tokens } = rest
        const price = listed(provider, model)
        const expected = calcPrice(
          { input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, cache_write_1h_tokens, output_reasoning_tokens: reasoning_tokens },
          model,
          { providerId: provider, timestamp: new Date(at_ms) },
        ) // prettier-ignore
        expect(Number(cost(usage, price).cost) / 1e10).toBeCloseTo(expected?.total_price ?? Number.NaN, 8)
      }),
    )
  })

  it('is the sum of its lines rounded once, and of its two sides; it is never negative', () => {
    fc.assert(
      fc.property(models, usages, ([provider = '', model = ''], usage) => {
        const costing = cost(usage, listed(provider, model))
        expect(recompute(costing.explanation)).toBe(costing.cost)
        expect(costing.input_cost + costing.output_cost).toBe(costing.cost)
        expect(costing.input_cost >= 0n && costing.output_cost >= 0n).toBe(true)
        const lines = quantities(costing.explanation.lines)
        const input = sum(lines, (name) => name === 'input_tokens' || name.startsWith('cache'))
        expect(input).toBe(usage.input_tokens)
        expect(sum(lines, (name) => name === 'output_tokens')).toBe(usage.output_tokens)
      }),
    )
  })

  it('prices every input token once, whatever parts a provider reports', () => {
    const price = listed('openai', 'gpt-4o')
    const parts = ['cache_read_tokens', 'cache_write_tokens', 'cache_write_1h_tokens', 'input_audio_tokens', 'input_image_tokens', 'cache_read_audio_tokens'] as const // prettier-ignore
    fc.assert(
      fc.property(count, fc.array(count, { minLength: 6, maxLength: 6 }), (input_tokens, values) => {
        const usage: Usage = { input_tokens }
        for (const [at, name] of parts.entries()) usage[name] = values[at] ?? 0
        const lines = cost(usage, price).explanation.lines
        const cached =
          (usage.cache_read_tokens ?? 0) + Math.max(usage.cache_write_tokens ?? 0, usage.cache_write_1h_tokens ?? 0)
        expect(lines.every(({ quantity }) => quantity > 0)).toBe(true)
        expect(sum(quantities(lines), () => true)).toBe(Math.max(input_tokens, cached))
      }),
    )
  })
})

function quantities(lines: readonly CostLine[]): Record<string, number> {
  return Object.fromEntries(lines.map(({ quantity_of, quantity }) => [quantity_of, quantity]))
}

function sum(lines: Record<string, number>, of: (name: string) => boolean): number {
  return Object.entries(lines).reduce((total, [name, quantity]) => (of(name) ? total + quantity : total), 0)
}
