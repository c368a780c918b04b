import { describe, expect, it } from 'vitest'
import { parseMoney } from '../../src/money.ts'
import { costOf } from '../../src/pricing/cost.ts'
import { priceTable, type PricesInput } from '../../src/pricing/price-table.ts'
import type { Usage } from '../../src/usage.ts'

const at_ms = Date.parse('2026-11-20T12:00:00Z')

function costing(priceProvider: string, model: string, usage: Usage, prices: PricesInput = {}) {
  const price = priceTable({ prices, clock: () => at_ms }).find({ priceProvider, provider: priceProvider, model })
  const found = costOf({ input_tokens: 0, output_tokens: 0, ...usage }, { price })
  if (!found) throw new Error('unknown')
  return found
}

describe('a tool fee', () => {
  it.each<[priceProvider: string, model: string, usage: Usage, dollars: string]>([
    ['openai', 'gpt-5', { web_search_requests: 3 }, '0.03'],
    ['openai', 'gpt-5.3-codex', { web_search_requests: 3 }, '0.03'],
    ['openai', 'gpt-5', { file_search_requests: 4 }, '0.01'],
    ['openai', 'gpt-5.3-codex', { file_search_requests: 4 }, '0.01'],
    ['anthropic', 'claude-opus-4-6', { web_search_requests: 5 }, '0.05'],
    ['anthropic', 'claude-3-haiku-20240307', { web_search_requests: 5 }, '0.05'],
    ['google', 'gemini-2.5-flash', { web_search_requests: 1 }, '0.035'],
    ['google', 'gemini-3-pro-preview', { web_search_requests: 4 }, '0.056'],
  ])('of %s %s for %j is $%s', (priceProvider, model, usage, dollars) => {
    const { cost, output_cost, unpriced } = costing(priceProvider, model, usage)
    expect(cost).toBe(parseMoney(dollars))
    expect(output_cost).toBe(cost)
    expect(unpriced).toEqual([])
  })

  it('says where it is from when the price table lacks it', () => {
    const [line] = costing('google', 'gemini-2.5-flash', { web_search_requests: 1 }).explanation.lines
    expect(line).toEqual({
      quantity_of: 'web_search_requests',
      quantity: 1,
      unit_price: '35',
      per: 1_000,
      source: 'lava-gateway@2026-11-23',
    })
    const [listed] = costing('openai', 'gpt-5', { web_search_requests: 1 }).explanation.lines
    expect(listed).not.toHaveProperty('source')
  })

  it('is charged on top of the host’s token prices, unless the host prices searches itself', () => {
    const tokens = { input_tokens_1m: '1', output_tokens_1m: '1' }
    const usage = { web_search_requests: 1 }
    expect(costing('openai', 'gpt-5', usage, { 'gpt-5': tokens }).cost).toBe(parseMoney('0.01'))
    const free = { 'gpt-5': { ...tokens, web_search_requests: '0' } }
    expect(costing('openai', 'gpt-5', usage, free).cost).toBe(0n)
  })

  it('that nobody knows is told', () => {
    expect(costing('aws', 'amazon.nova-pro-v1:0', { input_tokens: 10, web_search_requests: 1 }).unpriced).toEqual([
      'web_search_requests',
    ])
  })
})

describe('a long context', () => {
  it.each<[priceProvider: string, model: string, limit: number, usual: string, long: string]>([
    ['openai', 'gpt-5.4', 272_000, '2.5', '5'],
    ['openai', 'gpt-5.6-sol', 272_000, '4', '8'],
    ['google', 'gemini-2.5-pro', 200_000, '1.25', '2.5'],
    ['google', 'gemini-3.1-pro-preview', 200_000, '2', '4'],
    ['anthropic', 'claude-sonnet-4-5', 200_000, '3', '6'],
  ])('of %s %s above %i tokens is priced whole at its own rate', (priceProvider, model, limit, usual, long) => {
    const at = (input_tokens: number) =>
      costing(priceProvider, model, { input_tokens }).explanation.lines.map((line) => [line.quantity, line.unit_price])
    expect(at(limit - 1)).toEqual([[limit - 1, usual]])
    expect(at(limit + 1)).toEqual([[limit + 1, long]])
  })
})
