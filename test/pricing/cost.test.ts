import { describe, expect, it } from 'vitest'
import { formatMoney, parseMoney } from '../../src/money.ts'
import { recompute, type CostLine } from '../../src/pricing/cost-explanation.ts'
import { costOf, type Costing } from '../../src/pricing/cost.ts'
import type { ModelPrice } from '../../src/pricing/model-price.ts'
import { priceTable, type HostPrice } from '../../src/pricing/price-table.ts'
import type { Usage } from '../../src/usage.ts'

const at_ms = Date.parse('2026-06-01T12:00:00Z')
const table = priceTable({ prices: {}, clock: () => at_ms })

function listed(priceProvider: string, model: string): ModelPrice {
  return known(table.find({ priceProvider, provider: priceProvider, model }))
}

function hosted(price: HostPrice): ModelPrice {
  const prices = priceTable({ prices: { m: price }, clock: () => at_ms })
  return known(prices.find({ priceProvider: null, provider: 'x', model: 'm' }))
}

function known<Value>(value: Value | null): Value {
  if (value === null) throw new Error('unknown')
  return value
}

function cost(usage: Usage, price: ModelPrice): Costing {
  return known(costOf(usage, { price }))
}

const sonnet = listed('anthropic', 'claude-sonnet-4-5-20250929')
const mini = listed('openai', 'gpt-4o-mini')

describe('costOf', () => {
  it('prices input and output, and explains both', () => {
    const costing = cost({ input_tokens: 1000, output_tokens: 100 }, mini)
    expect(formatMoney(costing.cost)).toBe('0.0002100000')
    expect(formatMoney(costing.input_cost)).toBe('0.0001500000')
    expect(formatMoney(costing.output_cost)).toBe('0.0000600000')
    expect(costing.explanation).toEqual({
      source: mini.source,
      model: 'gpt-4o-mini',
      lines: [
        { quantity_of: 'input_tokens', quantity: 1000, unit_price: '0.15', per: 1_000_000 },
        { quantity_of: 'output_tokens', quantity: 100, unit_price: '0.6', per: 1_000_000 },
      ],
    })
    expect(mini.source).toMatch(/^genai-prices@\d+\.\d+\.\d+/)
  })

  it('counts OpenAI’s cached tokens once, at the cached price (litellm#6215)', () => {
    const { cost: amount, explanation } = cost(
      { input_tokens: 2006, cache_read_tokens: 1920, output_tokens: 300 },
      mini,
    )
    expect(formatMoney(amount)).toBe('0.0003369000')
    expect(quantities(explanation.lines)).toEqual({ input_tokens: 86, cache_read_tokens: 1920, output_tokens: 300 })
  })

  it('counts Anthropic’s cache writes once, in the total and in both lifetimes (litellm#5443, #9812)', () => {
    const usage = {
      input_tokens: 12_010, cache_read_tokens: 2000, cache_write_tokens: 10_000, cache_write_5m_tokens: 6000,
      cache_write_1h_tokens: 4000, output_tokens: 50,
    } // prettier-ignore
    const { cost: amount, explanation } = cost(usage, sonnet)
    expect(quantities(explanation.lines)).toEqual({
      input_tokens: 10, cache_read_tokens: 2000, cache_write_tokens: 6000, cache_write_1h_tokens: 4000, output_tokens: 50,
    }) // prettier-ignore
    // 10 × 3 + 2000 × 0.3 + 6000 × 3.75 + 4000 × 6 (twice the input) + 50 × 15, per million
    expect(formatMoney(amount)).toBe('0.0478800000')
    const { cache_write_tokens, ...lifetimesOnly } = usage
    expect(cache_write_tokens).toBe(10_000)
    expect(cost(lifetimesOnly, sonnet).cost).toBe(amount)
  })

  it('prices what Cohere bills, which is less than it had cached', () => {
    const price = table.find({ priceProvider: 'cohere', provider: 'cohere', model: 'command-r7b-12-2024' })
    const billed = costOf({ input_tokens: 2406, output_tokens: 2 }, { price })
    const told = costOf(
      { input_tokens: 2406, billed_input_tokens: 2406, output_tokens: 2, cache_read_tokens: 2928 },
      { price },
    )
    expect(told?.cost).toBe(billed?.cost)
    expect(told?.cost).toBeGreaterThan(0n)
  })

  it('prices cache reads below fresh input (litellm#11364)', () => {
    const cached = cost({ input_tokens: 1000, cache_read_tokens: 1000, output_tokens: 0 }, sonnet)
    expect(formatMoney(cached.cost)).toBe('0.0003000000')
  })

  it('takes the input price for cached tokens without a price of their own, never 0', () => {
    const plain = hosted({ input_tokens_1m: '2', output_tokens_1m: '8' })
    const usage = {
      input_tokens: 1000,
      cache_read_tokens: 600,
      cache_write_tokens: 300,
      cache_write_1h_tokens: 100,
      output_tokens: 1,
    }
    expect(cost(usage, plain).cost).toBe(cost({ input_tokens: 1000, output_tokens: 1 }, plain).cost)
  })

  it('prices audio, cached audio and images apart, none of them twice', () => {
    const live = hosted({
      input_tokens_1m: '4', cache_read_tokens_1m: '1', input_audio_tokens_1m: '32', cache_read_audio_tokens_1m: '0.4',
      input_image_tokens_1m: '5', output_tokens_1m: '16', output_audio_tokens_1m: '64',
    }) // prettier-ignore
    const usage = {
      input_tokens: 1000, cache_read_tokens: 500, cache_read_audio_tokens: 200, input_audio_tokens: 450, input_image_tokens: 100,
      output_tokens: 300, output_audio_tokens: 250, reasoning_tokens: 10,
    } // prettier-ignore
    expect(quantities(cost(usage, live).explanation.lines)).toEqual({
      input_tokens: 150, cache_read_tokens: 300, cache_read_audio_tokens: 200, input_audio_tokens: 250, input_image_tokens: 100,
      output_tokens: 50, output_audio_tokens: 250,
    }) // prettier-ignore
  })

  it('prices a long context whole at its own rate, cached tokens counting towards the length', () => {
    const below = cost({ input_tokens: 200_000, output_tokens: 1000 }, sonnet)
    const above = cost({ input_tokens: 200_001, cache_read_tokens: 200_000, output_tokens: 1000 }, sonnet)
    expect(below.explanation.lines.map((line) => line.unit_price)).toEqual(['3', '15'])
    expect(above.explanation.lines.map((line) => line.unit_price)).toEqual(['6', '0.6', '22.5'])
  })

  it('takes what the provider says it cost before any price, zero included', () => {
    const told = known(costOf({ input_tokens: 5, output_tokens: 5, cost_usd_reported: 0.00012345 }, { price: mini }))
    expect(formatMoney(told.cost)).toBe('0.0001234500')
    expect(told.explanation).toEqual({
      source: 'provider',
      model: 'gpt-4o-mini',
      lines: [{ quantity_of: 'cost_usd_reported', quantity: 1, unit_price: '0.00012345', per: 1 }],
    })
    expect(told.input_cost + told.output_cost).toBe(told.cost)
    expect(formatMoney(told.input_cost)).toBe('0.0000246900')
    expect(costOf({ cost_usd_reported: 0 }, { price: mini })?.cost).toBe(0n)
    expect(costOf({ cost_usd_reported: 1e-7 }, { price: null })?.explanation.lines[0]?.unit_price).toBe('0.0000001')
    expect(costOf({ input_tokens: 5, cost_usd_reported: -1 }, { price: mini })?.explanation.source).toBe(mini.source)
  })

  it('takes what the host reports before everything', () => {
    const told = known(costOf({ cost_usd_reported: 3 }, { price: mini, reported: parseMoney('0.25') }))
    expect(told).toMatchObject({ cost: 2_500_000_000n, explanation: { source: 'reported' } })
  })

  it('is null for an unknown price, for nothing counted, and for counts that the price does not cover', () => {
    expect(costOf({ input_tokens: 5 }, { price: null })).toBeNull()
    expect(costOf({}, { price: mini })).toBeNull()
    expect(costOf({}, { price: listed('perplexity', 'sonar') })).toBeNull()
    expect(costOf({ images: 1 }, { price: mini })).toBeNull()
    expect(costOf({ input_seconds: 30 }, { price: mini })).toBeNull()
    expect(costOf({ input_tokens: 0, output_tokens: 0 }, { price: mini })?.cost).toBe(0n)
  })

  it('names what it could not price', () => {
    expect(cost({ input_tokens: 10, images: 2 }, mini).unpriced).toEqual(['images'])
    expect(cost({ input_tokens: 10, output_tokens: 1 }, mini).unpriced).toEqual([])
  })

  it('takes a lone total as input', () => {
    expect(cost({ total_tokens: 1000 }, mini).cost).toBe(cost({ input_tokens: 1000 }, mini).cost)
  })

  it('prices another model’s work inside the answer at that model’s price, and tells of an unknown one', () => {
    const usage = {
      input_tokens: 10,
      output_tokens: 10,
      sub_usage: [{ model: 'gpt-4o-mini', input_tokens: 1000, output_tokens: 100 }],
    }
    const priceOfModel = (model: string) => table.find({ priceProvider: 'openai', provider: 'openai', model })
    const both = known(costOf(usage, { price: sonnet, priceOfModel }))
    expect(both.cost).toBe(cost({ input_tokens: 10, output_tokens: 10 }, sonnet).cost + parseMoney('0.00021'))
    expect(both.explanation.lines.at(-1)).toMatchObject({
      quantity_of: 'output_tokens',
      quantity: 100,
      model: 'gpt-4o-mini',
    })
    expect(recompute(both.explanation)).toBe(both.cost)
    expect(costOf(usage, { price: sonnet, priceOfModel: () => null })?.unpriced).toEqual(['tokens of gpt-4o-mini'])
  })

  it('prices seconds, characters, pages, images, searches and requests', () => {
    expect(formatMoney(cost({ input_seconds: 90.5 }, listed('openai', 'whisper-1')).cost)).toBe('0.0090500000')
    const all = hosted({ input_minutes: '0.06', input_characters_1m: '15', pages: '0.001', images: '0.04', search_units: '0.002', web_search_requests: '0.01', requests: '0.005' }) // prettier-ignore
    const usage = {
      input_seconds: 30,
      input_characters: 2000,
      pages: 3,
      images: 2,
      search_units: 1,
      web_search_requests: 2,
    }
    const costing = cost(usage, all)
    expect(formatMoney(costing.cost)).toBe('0.1700000000')
    expect(formatMoney(costing.input_cost)).toBe('0.0630000000')
    expect(cost({ input_tokens: 1_000_000 }, listed('perplexity', 'sonar')).cost).toBe(parseMoney('1.012'))
  })

  it('bills Groq’s whisper at ten seconds or more', () => {
    const whisper = listed('groq', 'whisper-large-v3')
    expect(cost({ input_seconds: 2 }, whisper).cost).toBe(cost({ input_seconds: 10 }, whisper).cost)
    expect(cost({ input_seconds: 20 }, whisper).cost).toBeGreaterThan(cost({ input_seconds: 10 }, whisper).cost)
    expect(cost({ input_seconds: 0 }, whisper).cost).toBe(0n)
  })
})

function quantities(lines: readonly CostLine[]): Record<string, number> {
  return Object.fromEntries(lines.map(({ quantity_of, quantity }) => [quantity_of, quantity]))
}
