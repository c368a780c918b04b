import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { costOf } from '../../src/pricing/cost.ts'
import { priceTable, type PricesInput } from '../../src/pricing/price-table.ts'

const at_ms = Date.parse('2026-06-01T12:00:00Z')
const tableWith = (prices: PricesInput) => priceTable({ prices, clock: () => at_ms })
const openai = { priceProvider: 'openai', provider: 'openai' }

describe('priceTable', () => {
  it('finds the library’s models by dated names, aliases and other cases, and says which version', () => {
    const table = tableWith({})
    const manifest = new URL('../../node_modules/@pydantic/genai-prices/package.json', import.meta.url)
    const { version } = z.object({ version: z.string() }).parse(JSON.parse(readFileSync(manifest, 'utf8')))
    for (const model of ['gpt-4o-mini', 'gpt-4o-mini-2024-07-18', 'GPT-4o-mini'])
      expect(table.find({ ...openai, model })).toMatchObject({
        model: 'gpt-4o-mini',
        source: `genai-prices@${version}`,
      })
    const claude = { priceProvider: 'anthropic', provider: 'anthropic', model: 'claude-3-5-haiku-latest' }
    expect(table.find(claude)?.rates.output_tokens?.base.text).toBe('4')
  })

  it('answers null for what it does not know, never zero', () => {
    const table = tableWith({})
    expect(table.find({ ...openai, model: 'no-such-model' })).toBeNull()
    expect(table.find({ priceProvider: 'no-such-provider', provider: 'x', model: 'gpt-4o' })).toBeNull()
    expect(table.find({ priceProvider: null, provider: 'openai', model: 'gpt-4o' })).toBeNull()
    expect(table.find({ ...openai, model: '' })).toBeNull()
    expect(table.find({ ...openai, model: `gpt-4o${'o'.repeat(100_000)}` })).toBeNull()
  })

  it('takes a model without prices as unknown, and only a `:free` one as free', () => {
    const table = tableWith({})
    const cerebras = { priceProvider: 'cerebras', provider: 'cerebras', model: 'qwen-3-coder-480b' }
    expect(table.find(cerebras)).toBeNull()
    const azure = table.find({ priceProvider: 'azure', provider: 'azure', model: 'mai-ds-r1:free' })
    expect(costOf({ input_tokens: 5, output_tokens: 5 }, { price: azure })?.cost).toBe(0n)
  })

  it('lets the host’s prices win, by model or by provider and model', () => {
    const table = tableWith({
      'gpt-4o-mini': { input_tokens_1m: '0.10', output_tokens_1m: '0.40' },
      'azure/gpt-4o-mini': { input_tokens_1m: '0.2', output_tokens_1m: '0.5' },
      'my-llm': { input_tokens_1m: '0', output_tokens_1m: '0' },
    })
    expect(table.find({ ...openai, model: 'gpt-4o-mini' })).toMatchObject({ source: 'host', model: 'gpt-4o-mini' })
    const azure = table.find({ priceProvider: 'azure', provider: 'azure', model: 'gpt-4o-mini' })
    expect(azure?.rates.input_tokens?.base.text).toBe('0.2')
    const own = table.find({ priceProvider: null, provider: 'local', model: 'My-LLM' })
    expect(costOf({ input_tokens: 9, output_tokens: 9 }, { price: own })?.cost).toBe(0n)
  })

  it('lets the host’s price win for the dated name that the answer carries', () => {
    const table = tableWith({
      'gpt-4o-mini': { input_tokens_1m: '0.10', output_tokens_1m: '0.40' },
      'my-llm': { input_tokens_1m: '1', output_tokens_1m: '1' },
    })
    expect(table.find({ ...openai, model: 'gpt-4o-mini-2024-07-18' })?.source).toBe('host')
    expect(table.find({ priceProvider: null, provider: 'x', model: 'my-llm-20260101' })?.source).toBe('host')
    expect(table.find({ priceProvider: null, provider: 'x', model: 'my-llm@20260101' })?.source).toBe('host')
    expect(table.find({ priceProvider: null, provider: 'x', model: 'my-llm-latest' })?.source).toBe('host')
    expect(table.find({ ...openai, model: 'gpt-4o-2024-08-06' })?.source).not.toBe('host')
  })

  it('finds no price under the names of an object’s own members', () => {
    const table = tableWith({})
    for (const model of ['__proto__', 'constructor', 'toString'])
      expect(table.find({ priceProvider: null, provider: 'x', model })).toBeNull()
  })

  it('follows prices that change by date, cached or not', () => {
    const table = tableWith({})
    const opus = { priceProvider: 'anthropic', provider: 'anthropic', model: 'claude-opus-4-6' }
    const tiersAt = (date: string) => table.find({ ...opus, at_ms: Date.parse(date) })?.rates.input_tokens?.tiers.length
    expect(tiersAt('2026-03-12T23:59:00Z')).toBe(1)
    expect(tiersAt('2026-03-13T00:00:00Z')).toBe(0)
    expect(tiersAt('2026-03-12T23:59:30Z')).toBe(1)
  })

  it('follows prices that change by the hour', () => {
    const table = tableWith({})
    const deepseek = { priceProvider: 'deepseek', provider: 'deepseek', model: 'deepseek-v4-pro' }
    const at = (time: string) =>
      table.find({ ...deepseek, at_ms: Date.parse(`2026-09-01T${time}:00Z`) })?.rates.input_tokens?.base.text
    expect(at('00:59')).not.toBe(at('01:00'))
    expect(at('00:59')).toBe(at('04:00'))
  })

  it.each<[priceProvider: string, asked: string, found: string]>([
    ['aws', 'us.anthropic.claude-sonnet-4-5-20250929-v1:0', 'regional.anthropic.claude-sonnet-4-5-20250929-v1:0'],
    ['aws', 'global.anthropic.claude-sonnet-4-5-20250929-v1:0', 'global.anthropic.claude-sonnet-4-5-20250929-v1:0'],
    [
      'aws',
      'arn:aws:bedrock:us-east-1:012345678901:inference-profile/us.anthropic.claude-3-7-sonnet-20250219-v1:0',
      'regional.anthropic.claude-3-7-sonnet-20250219-v1:0',
    ],
    ['aws', 'eu.amazon.nova-micro-v1:0', 'amazon.nova-micro-v1:0'],
    ['google', 'models/gemini-2.5-pro', 'gemini-2.5-pro'],
    ['google', 'publishers/google/models/gemini-2.5-flash', 'gemini-2.5-flash'],
    ['openrouter', 'openai/gpt-4o-mini:nitro', 'openai/gpt-4o-mini'],
    ['openrouter', 'anthropic/claude-sonnet-4.5:floor', 'anthropic/claude-sonnet-4.5'],
    ['openrouter', 'openai/gpt-4o:extended', 'openai/gpt-4o:extended'],
    ['huggingface', 'deepseek-ai/DeepSeek-R1:novita', 'deepseek-ai/DeepSeek-R1'],
    ['openai', 'ft:gpt-4o-mini-2024-07-18:org::id', 'ft:gpt-4o-mini'],
    ['openai', 'gpt-4o-mini-2024-07-18.ft-0123', 'gpt-4o-mini-2024-07-18.ft-'],
  ])('finds %s’s %s', (priceProvider, asked, found) => {
    expect(tableWith({}).find({ priceProvider, provider: priceProvider, model: asked })?.model).toBe(found)
  })

  it.each([
    // Whom the router chose, and at what price, is not said.
    ['huggingface', 'deepseek-ai/DeepSeek-R1'],
    ['huggingface', 'deepseek-ai/DeepSeek-R1:fastest'],
    // A provider of the router that the library lacks; it would take Cohere itself.
    ['huggingface', 'command-r7b:cohere'],
    // A fine-tuned model costs more than what it was made from.
    ['openai', 'ft:gpt-4.1-2025-04-14:org::id'],
    ['openai', 'gpt-4.1-2025-04-14.ft-0123'],
    ['aws', 'arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123'],
  ])('does not guess a price for %s’s %s', (priceProvider, model) => {
    expect(tableWith({}).find({ priceProvider, provider: priceProvider, model })).toBeNull()
  })

  it('prices Hugging Face’s models by the provider in the name', () => {
    const input = (model: string) =>
      tableWith({}).find({ priceProvider: 'huggingface', provider: 'huggingface', model })?.rates.input_tokens?.base
        .text
    expect(input('deepseek-ai/DeepSeek-R1:novita')).toBe('0.7')
    expect(input('deepseek-ai/DeepSeek-R1:together')).toBe('3')
  })

  it('takes every `:free` model of OpenRouter as free', () => {
    const price = tableWith({}).find({ priceProvider: 'openrouter', provider: 'openrouter', model: 'new/model:free' })
    expect(costOf({ input_tokens: 5, output_tokens: 5 }, { price })?.cost).toBe(0n)
    expect(tableWith({}).find({ ...openai, model: 'no-such-model:free' })).toBeNull()
  })

  it('lets the host’s price win for a name with a suffix or a path', () => {
    const table = tableWith({
      'gemini-2.5-pro': { input_tokens_1m: '9' },
      'openai/gpt-4o-mini': { input_tokens_1m: '9' },
    })
    const google = { priceProvider: 'google', provider: 'google', model: 'models/gemini-2.5-pro' }
    expect(table.find(google)?.source).toBe('host')
    const routed = { priceProvider: 'openrouter', provider: 'openrouter', model: 'openai/gpt-4o-mini:nitro' }
    expect(table.find(routed)?.source).toBe('host')
  })

  it('hands out the cached answer within a minute', () => {
    const table = tableWith({})
    expect(table.find({ ...openai, model: 'gpt-4o' })).toBe(
      table.find({ ...openai, model: 'gpt-4o', at_ms: at_ms + 59_999 }),
    )
  })

  it('keeps apart who sells the same model, however many', () => {
    const names = Array.from({ length: 20 }, (_, at) => `p${at}`)
    const prices = Object.fromEntries(names.map((name, at) => [`${name}/same`, { input_tokens_1m: `${at}.5` }]))
    const table = tableWith(prices)
    const ask = (provider: string) => table.find({ priceProvider: null, provider, model: 'same' })
    for (const rounds of [1, 2])
      for (const [at, name] of names.entries())
        expect(ask(name)?.rates.input_tokens?.base.text, `${rounds}`).toBe(`${at}.5`)
    expect(ask('p19')).toBe(ask('p19'))
    expect(table.find({ priceProvider: 'openai', provider: 'p19', model: 'same' })).not.toBe(ask('p19'))
    expect(ask('nobody')).toBeNull()
  })

  const wrong: [name: string, prices: unknown, message: RegExp][] = [
    [
      'an unknown key',
      { m: { input_tokens: '1' } },
      /unknown option `prices\.m\.input_tokens`; did you mean `input_tokens_1m`/,
    ],
    ['a float', { m: { input_tokens_1m: 0.15 } }, /`prices\.m\.input_tokens_1m`: must be a decimal string/],
    ['a negative price', { m: { input_tokens_1m: '-1' } }, /must be a decimal string/],
    ['a model without prices', { m: {} }, /`prices\.m`: has no price/],
    ['output without input', { m: { output_tokens_1m: '1' } }, /`prices\.m`: prices tokens without `input_tokens_1m`/],
    ['a list', [], /prices/],
  ]
  for (const [name, prices, message] of wrong)
    it(`refuses ${name} and says the mend`, () => {
      const build = (): unknown => Reflect.apply(priceTable, undefined, [{ prices, clock: () => at_ms }])
      expect(build).toThrow(TypeError)
      expect(build).toThrow(message)
    })
})
