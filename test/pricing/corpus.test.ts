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

/** The library says 0 where nothing was counted or no price is known; here that is unknown (design 5.10). */
function isUnknown(each: Case): boolean {
  return costingOf(each) === null && Number(each.input_price) === 0 && Number(each.output_price) === 0
}

describe.skipIf(!present)(`costOf on the library’s own cases${present ? '' : ' (skipped: no corpus here)'}`, () => {
  const cases = present
    ? readFileSync(file, 'utf8').split('\n').filter(Boolean).map((line) => caseSchema.parse(JSON.parse(line))) // prettier-ignore
    : []

  for (const provider of ['openai', 'anthropic', 'google', 'azure', 'aws', 'openrouter', 'groq', 'mistral', 'deepseek'])
    it(`agrees with every case of ${provider}`, () => {
      const own = cases.filter((each) => each.provider_id === provider && !isUnknown(each))
      expect(own.length).toBeGreaterThan(0)
      expect(own.filter((each) => !agrees(each)).map(({ id }) => id)).toEqual([])
    })

  it('agrees with every case but four, of which nothing is known', () => {
    expect(cases.length).toBeGreaterThan(200)
    expect(cases.filter((each) => !agrees(each) && !isUnknown(each)).map(({ id }) => id)).toEqual([])
    expect(cases.filter(isUnknown).map(({ id }) => id)).toEqual([
      'genai-prices.usages.1016.cerebras.chat',
      'genai-prices.usages.1246.azure.responses',
      'genai-prices.usages.1246.azure.anthropic',
      'genai-prices.usages.1246.openai.responses',
    ])
  })
})
