import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { costOf } from '../../src/pricing/cost.ts'
import { priceTable } from '../../src/pricing/price-table.ts'
import type { Usage } from '../../src/usage.ts'

const file = new URL('../../../shared/corpus/pricing-cases.jsonl', import.meta.url)
const present = existsSync(file)

const caseSchema = z.object({
  id: z.string(),
  provider_id: z.string(),
  model: z.string(),
  timestamp: z.string(),
  usage: z.record(z.string(), z.number()),
  input_price: z.string(),
  output_price: z.string(),
})
type Case = z.infer<typeof caseSchema>

/** The library's names of what `Usage` calls otherwise. Searches are fees, which the expected prices leave out. */
const renamed: Record<string, keyof Usage | null> = {
  output_reasoning_tokens: 'reasoning_tokens',
  cache_audio_read_tokens: 'cache_read_audio_tokens',
  web_searches: null,
}

const table = priceTable({ prices: {}, clock: () => 0 })

function costingOf({ provider_id, model, timestamp, usage }: Case) {
  const counts: Usage = Object.fromEntries(
    Object.entries(usage).flatMap(([name, value]) => {
      const field = name in renamed ? renamed[name] : name
      return field ? [[field, value]] : []
    }),
  )
  const price = table.find({ priceProvider: provider_id, provider: provider_id, model, at_ms: Date.parse(timestamp) })
  return costOf(counts, { price })
}

/** Within the one rounding to 1e-10 dollars on each side of the split. */
function agrees(each: Case): boolean {
  const costing = costingOf(each)
  if (!costing) return false
  const near = (amount: bigint, expected: string) => Math.abs(Number(amount) - Number(expected) * 1e10) <= 1.001
  return near(costing.input_cost, each.input_price) && near(costing.output_cost, each.output_price)
}

/** Where the library says 0 and here the cost is unknown (null), which is not zero (design 5.10). */
const unknown: Record<string, string> = {
  'genai-prices.usages.1016.cerebras.chat': 'the library lists qwen-3-coder-480b of Cerebras without any price',
  'genai-prices.usages.1246.azure.responses': 'the case has no counts at all, so nothing tells what was used',
  'genai-prices.usages.1246.azure.anthropic': 'the same case read with another flavour: no counts either',
  'genai-prices.usages.1246.openai.responses': 'the same case at OpenAI: no counts either',
}

/** Where the library prices otherwise than the provider does. */
const otherwise: Record<string, string> = {
  'genai-prices.usages.995.openai.chat':
    'the library has gpt-4o-audio-preview’s audio tokens at the price of text ($2.50/$10), OpenAI asks $40/$80 a million for them',
}

describe.skipIf(!present)(`costOf on the library’s own cases${present ? '' : ' (skipped: no corpus here)'}`, () => {
  const cases = present
    ? readFileSync(file, 'utf8').split('\n').filter(Boolean).map((line) => caseSchema.parse(JSON.parse(line))) // prettier-ignore
    : []

  for (const provider of ['openai', 'anthropic', 'google', 'azure', 'aws', 'openrouter', 'groq', 'mistral', 'deepseek'])
    it(`agrees with every case of ${provider}`, () => {
      const own = cases.filter(
        (each) => each.provider_id === provider && !(each.id in unknown) && !(each.id in otherwise),
      )
      expect(own.length).toBeGreaterThan(0)
      expect(own.filter((each) => !agrees(each)).map(({ id }) => id)).toEqual([])
    })

  it('agrees with every case but those that are listed', () => {
    expect(cases.length).toBeGreaterThan(200)
    expect(cases.filter((each) => !agrees(each)).map(({ id }) => id)).toEqual([
      ...Object.keys(otherwise),
      ...Object.keys(unknown),
    ])
  })

  for (const [id, reason] of Object.entries(otherwise))
    it(`prices ${id} above the library: ${reason}`, () => {
      const only = cases.find((each) => each.id === id)
      const costing = only && costingOf(only)
      expect(Number(costing?.input_cost)).toBeGreaterThan(Number(only?.input_price) * 1e10)
    })

  for (const [id, reason] of Object.entries(unknown))
    it(`takes ${id} as unknown and not as free: ${reason}`, () => {
      const [only, ...others] = cases.filter((each) => each.id === id)
      expect(others).toEqual([])
      expect(only && costingOf(only)).toBeNull()
      expect([Number(only?.input_price), Number(only?.output_price)]).toEqual([0, 0])
    })
})
