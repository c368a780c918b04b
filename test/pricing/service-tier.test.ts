import { describe, expect, it } from 'vitest'
import { recompute } from '../../src/pricing/cost-explanation.ts'
import { costOf, type Costing } from '../../src/pricing/cost.ts'
import type { ModelPrice } from '../../src/pricing/model-price.ts'
import { priceTable, type PricesInput } from '../../src/pricing/price-table.ts'
import type { Usage } from '../../src/usage.ts'

const at_ms = Date.parse('2026-11-20T12:00:00Z')

function priceOf(priceProvider: string, model: string, prices: PricesInput = {}): ModelPrice {
  return known(priceTable({ prices, clock: () => at_ms }).find({ priceProvider, provider: priceProvider, model }))
}

function known<Value>(value: Value | null): Value {
  if (value === null) throw new Error('unknown')
  return value
}

const tokens = { input_tokens: 1000, cache_read_tokens: 400, output_tokens: 100 }

function cost(priceProvider: string, model: string, usage: Usage): Costing {
  return known(costOf(usage, { price: priceOf(priceProvider, model) }))
}

/** What the tier makes of the list price, as a ratio. */
function times(priceProvider: string, model: string, conditions: Usage): number {
  const listed = cost(priceProvider, model, tokens)
  const { cost: amount, unpriced } = cost(priceProvider, model, { ...tokens, ...conditions })
  expect(unpriced).toEqual([])
  return Number(amount) / Number(listed.cost)
}

describe('a service tier', () => {
  it.each<[priceProvider: string, model: string, conditions: Usage, factor: number]>([
    ['openai', 'gpt-5-2025-08-07', { service_tier: 'flex' }, 0.5],
    ['openai', 'gpt-5-2025-08-07', { service_tier: 'batch' }, 0.5],
    ['openai', 'gpt-5-2025-08-07', { service_tier: 'priority' }, 2],
    ['openai', 'gpt-5.5', { service_tier: 'priority' }, 2.5],
    ['openai', 'gpt-5.6-sol', { service_tier: 'fast' }, 2],
    ['openai', 'gpt-5-mini', { service_tier: 'priority' }, 1.8],
    ['openai', 'gpt-4.1', { service_tier: 'priority' }, 1.75],
    ['openai', 'gpt-4o-2024-08-06', { service_tier: 'priority' }, 1.7],
    ['openai', 'gpt-4o-2024-05-13', { service_tier: 'priority' }, 1.75],
    ['openai', 'gpt-5', { service_tier: 'scale' }, 0],
    ['azure', 'gpt-4o', { service_tier: 'batch' }, 0.5],
    ['anthropic', 'claude-opus-4-6', { service_tier: 'batch' }, 0.5],
    ['anthropic', 'claude-opus-4-6', { inference_geo: 'us' }, 1.1],
    ['anthropic', 'claude-opus-4-6', { speed: 'fast' }, 6],
    ['anthropic', 'claude-opus-5', { speed: 'fast', inference_geo: 'us' }, 2.2],
    ['google', 'gemini-2.5-flash', { service_tier: 'ON_DEMAND_FLEX' }, 0.5],
    ['google', 'gemini-2.5-flash', { service_tier: 'flex' }, 0.5],
    ['google', 'gemini-2.5-flash', { service_tier: 'PROVISIONED_THROUGHPUT' }, 0],
    ['aws', 'us.anthropic.claude-sonnet-4-5-20250929-v1:0', { service_tier: 'reserved' }, 0],
    ['groq', 'llama-3.3-70b-versatile', { service_tier: 'flex' }, 1],
  ])('of %s on %s under %j costs its factor of the list price', (priceProvider, model, conditions, factor) => {
    expect(times(priceProvider, model, conditions)).toBeCloseTo(factor, 6)
  })

  it.each(['default', 'standard', 'auto', 'on_demand', 'ON_DEMAND', ''])('%j is the list price', (service_tier) => {
    const { explanation } = cost('openai', 'gpt-5', { ...tokens, service_tier, inference_geo: 'global', speed: 'standard' }) // prettier-ignore
    expect(explanation).toEqual(cost('openai', 'gpt-5', tokens).explanation)
  })

  it('is shown beside the list price, on tokens and not on searches', () => {
    const { explanation, cost: amount } = cost('openai', 'gpt-5', {
      ...tokens,
      web_search_requests: 2,
      service_tier: 'flex',
    })
    const flex = [{ name: 'service_tier=flex', factor: '0.5' }]
    expect(explanation.lines).toEqual([
      { quantity_of: 'input_tokens', quantity: 600, unit_price: '1.25', per: 1_000_000, modifiers: flex },
      { quantity_of: 'cache_read_tokens', quantity: 400, unit_price: '0.125', per: 1_000_000, modifiers: flex },
      { quantity_of: 'output_tokens', quantity: 100, unit_price: '10', per: 1_000_000, modifiers: flex },
      { quantity_of: 'web_search_requests', quantity: 2, unit_price: '10', per: 1_000 },
    ])
    // (600 × 1.25 + 400 × 0.125 + 100 × 10) / 2 per million, and two searches at a cent
    expect(amount).toBe(209_000_000n)
  })

  it('with a price that no decimal holds is exact: gpt-4o-mini costs 5/3 as priority', () => {
    const { cost: amount, explanation } = cost('openai', 'gpt-4o-mini', {
      input_tokens: 1_000_000,
      output_tokens: 0,
      service_tier: 'priority',
    })
    expect(amount).toBe(2_500_000_000n)
    expect(recompute(explanation)).toBe(amount)
  })

  it.each<[priceProvider: string, model: string, conditions: Usage, name: string]>([
    ['openai', 'gpt-5-nano', { service_tier: 'priority' }, 'service_tier=priority'],
    ['anthropic', 'claude-opus-4-6', { service_tier: 'priority' }, 'service_tier=priority'],
    ['anthropic', 'claude-opus-5-5', { speed: 'fast' }, 'speed=fast'],
    ['anthropic', 'claude-opus-4-6', { inference_geo: 'eu' }, 'inference_geo=eu'],
    ['google', 'gemini-2.5-pro', { service_tier: 'ON_DEMAND_PRIORITY' }, 'service_tier=ON_DEMAND_PRIORITY'],
    ['aws', 'amazon.nova-pro-v1:0', { service_tier: 'flex' }, 'service_tier=flex'],
    ['mistral', 'mistral-large-latest', { service_tier: 'turbo' }, 'service_tier=turbo'],
  ])('whose price nobody knows is told: %s %s %j', (priceProvider, model, conditions, name) => {
    const { unpriced, explanation } = cost(priceProvider, model, { ...tokens, ...conditions })
    expect(unpriced).toEqual([name])
    expect(explanation.unpriced).toEqual([name])
    expect(explanation.lines).toEqual(cost(priceProvider, model, tokens).explanation.lines)
  })

  it('says nothing where no token was priced', () => {
    expect(cost('openai', 'whisper-1', { input_seconds: 60, service_tier: 'whatever' }).unpriced).toEqual([])
  })

  it('changes the host’s price too, but leaves the price that it set for prepaid capacity', () => {
    const price = priceOf('openai', 'gpt-5', { 'gpt-5': { input_tokens_1m: '1', output_tokens_1m: '1' } })
    const amount = (service_tier: string) => costOf({ input_tokens: 1_000_000, service_tier }, { price })?.cost
    expect(amount('default')).toBe(10_000_000_000n)
    expect(amount('flex')).toBe(5_000_000_000n)
    expect(amount('scale')).toBe(10_000_000_000n)
  })

  it('holds for another model’s work inside the answer', () => {
    const sub_usage = [{ model: 'claude-haiku-4-5', input_tokens: 1_000_000, output_tokens: 0 }]
    const usage = { input_tokens: 0, output_tokens: 0, sub_usage, service_tier: 'batch' }
    const costing = known(
      costOf(usage, {
        price: priceOf('anthropic', 'claude-opus-4-6'),
        priceOfModel: (model) => priceOf('anthropic', model),
      }),
    )
    expect(costing.cost).toBe(5_000_000_000n)
    expect(recompute(costing.explanation)).toBe(costing.cost)
  })
})
