import { describe, expect, it } from 'vitest'
import { isMoneyText, parseMoney } from '../../src/money.ts'
import { costOf } from '../../src/pricing/cost.ts'
import { libraryTable } from '../../src/pricing/library-price.ts'
import { ownPrice, ownPrices } from '../../src/pricing/own-prices.ts'
import { priceTable } from '../../src/pricing/price-table.ts'
import type { Usage } from '../../src/usage.ts'

const at_ms = Date.parse('2026-11-20T12:00:00Z')
const table = priceTable({ prices: {}, clock: () => at_ms })

/** Names as the providers' answers and documents have them. */
const priced: [priceProvider: string, model: string, usage: Usage, dollars: string][] = [
  ['openai', 'tts-1', { input_characters: 1_000 }, '0.015'],
  ['openai', 'tts-1-hd', { input_characters: 1_000 }, '0.03'],
  ['openai', 'gpt-4o-mini-tts-2025-12-15', { input_tokens: 1_000, output_tokens: 1_000 }, '0.0126'],
  ['elevenlabs', 'eleven_flash_v2_5', { input_characters: 1_000 }, '0.05'],
  ['elevenlabs', 'eleven_multilingual_v2', { input_characters: 1_000 }, '0.1'],
  ['elevenlabs', 'eleven_v3', { input_characters: 1_000 }, '0.1'],
  ['elevenlabs', 'scribe_v1', { input_seconds: 3_600 }, '0.22'],
  ['deepgram', 'general-nova-3', { input_seconds: 90 }, '0.00645'],
  ['deepgram', 'general-nova-3', { input_seconds: 30, input_channels: 2 }, '0.0043'],
  ['deepgram', 'nova-3', { input_seconds: 60 }, '0.0043'],
  ['deepgram', '2-general-nova', { input_seconds: 60 }, '0.0043'],
  ['deepgram', 'nova-2-meeting', { input_seconds: 60 }, '0.0043'],
  ['deepgram', 'aura-2-thalia-en', { input_characters: 1_000 }, '0.03'],
  ['deepgram', 'aura-asteria-en', { input_characters: 1_000 }, '0.015'],
  ['assemblyai', 'universal', { input_seconds: 3_600 }, '0.15'],
  ['assemblyai', 'universal-3-pro', { input_seconds: 3_600 }, '0.21'],
  ['gladia', 'solaria-1', { input_seconds: 3_600 }, '0.61'],
  ['revai', 'reverb', { input_seconds: 3_600 }, '0.2'],
  ['lmnt', 'blizzard', { input_characters: 1_000 }, '0.05'],
  ['groq', 'canopylabs/orpheus-v1-english', { input_characters: 1_000 }, '0.022'],
  ['mistral', 'voxtral-mini-tts-2603', { input_characters: 1_000 }, '0.016'],
  ['google', 'imagen-4.0-generate-001', { images: 3 }, '0.12'],
  ['google', 'models/imagen-4.0-fast-generate-001', { images: 1 }, '0.02'],
  ['openai', 'dall-e-2', { images: 2, image_size: '256x256' }, '0.032'],
  ['openai', 'dall-e-3', { images: 1 }, '0.04'],
  ['openai', 'dall-e-3', { images: 1, image_quality: 'hd' }, '0.08'],
  ['openai', 'dall-e-3', { images: 1, image_size: '1792x1024', image_quality: 'standard' }, '0.08'],
  ['openai', 'dall-e-3', { images: 1, image_size: '1024x1792', image_quality: 'hd' }, '0.12'],
  ['openai', 'sora-2', { output_seconds: 8, image_size: '1280x720' }, '0.8'],
  ['openai', 'sora-2-pro', { output_seconds: 4, image_size: '1792x1024' }, '2'],
  ['voyageai', 'rerank-2.5', { total_tokens: 1_000_000 }, '0.05'],
  ['voyageai', 'rerank-2-lite', { total_tokens: 1_000_000 }, '0.02'],
  ['cohere', 'rerank-v3.5', { search_units: 2 }, '0.004'],
  ['cohere', 'embed-english-v3.0', { input_tokens: 1_000_000 }, '0.1'],
]

describe('the own price table', () => {
  it.each(priced)('prices %s %s', (priceProvider, model, usage, dollars) => {
    const price = table.find({ priceProvider, provider: priceProvider, model })
    const costing = costOf(usage, { price })
    expect(costing?.cost).toBe(parseMoney(dollars))
    expect(costing?.unpriced).toEqual([])
    expect(costing?.explanation.source).toMatch(/^lava-gateway@20\d\d-\d\d-\d\d$/)
  })

  it('holds only what the library lacks', () => {
    const library = libraryTable()
    expect(
      priced.filter(([priceProvider, model]) => library(priceProvider, model, at_ms)).map(([, name]) => name),
    ).toEqual([])
  })

  it('gives each row a public page, a day and decimals', () => {
    for (const { source, date, rates } of ownPrices) {
      expect(URL.parse(source)?.protocol).toBe('https:')
      expect(new Date(date).toISOString().slice(0, 10)).toBe(date)
      expect(date <= '2026-11-23').toBe(true)
      expect(Object.values(rates).every(([dollars]) => isMoneyText(dollars))).toBe(true)
    }
  })

  it('bills Rev.ai at fifteen seconds or more', () => {
    const price = ownPrice('revai', 'reverb')
    expect(costOf({ input_seconds: 2 }, { price })?.cost).toBe(costOf({ input_seconds: 15 }, { price })?.cost)
  })

  it('knows no model by half of its name, nor another provider’s', () => {
    for (const [priceProvider, model] of [
      ['openai', 'tts-1-hd-2'],
      ['openai', 'my-tts-1'],
      ['deepgram', 'nova-4'],
      ['deepgram', 'aura'],
      ['elevenlabs', 'tts-1'],
      ['assemblyai', 'best'],
    ] as const)
      expect(ownPrice(priceProvider, model)).toBeNull()
  })
})
