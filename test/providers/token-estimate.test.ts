import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { TokenEstimate } from '../../src/providers/token-estimate.ts'

function estimateOf(text: string): number {
  const estimate = new TokenEstimate()
  estimate.addText(text)
  return estimate.tokens
}

function estimateOfJson(text: string, size = Infinity): number {
  const estimate = new TokenEstimate()
  const bytes = Buffer.from(JSON.stringify(text)).subarray(1, -1)
  for (let start = 0; start < bytes.length; start += size)
    estimate.addJsonBytes(bytes, start, Math.min(bytes.length, start + size))
  return estimate.tokens
}

/** Counts of o200k as the corpus and OpenAI's own answers report them. */
const counted: [string, number][] = [
  ['The current temperature in San Francisco is 68 degrees, with clear skies and a light wind from the west.', 21],
  ['{"location":"San Francisco, CA","unit":"celsius"}', 12],
  ['const total = items.reduce((sum, item) => sum + item.price, 0)', 16],
  ['Kiwi', 2],
]

describe('the estimate', () => {
  test.each(counted)('is within a third of the count of %j', (text, tokens) => {
    expect(Math.abs(estimateOf(text) - tokens)).toBeLessThanOrEqual(Math.max(1, tokens / 3))
  })

  test('is nothing for nothing', () => {
    expect(estimateOf('')).toBe(0)
  })

  test('is begun anew, whatever was counted before', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (before, text) => {
        const estimate = new TokenEstimate()
        const bytes = Buffer.from(`${JSON.stringify(before)}\\u12`)
        estimate.addJsonBytes(bytes, 0, bytes.length)
        estimate.restart()
        estimate.addText(text)
        expect(estimate.tokens).toBe(estimateOf(text))
      }),
    )
  })

  test('is the same for a text and for its JSON, however that is cut', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 1, max: 9 }), (text, size) => {
        expect(estimateOfJson(text, size)).toBe(estimateOfJson(text))
        expect(estimateOfJson(text)).toBe(estimateOf(text))
      }),
    )
  })

  test('is near for other scripts, written out or escaped', () => {
    for (const text of [
      'Привет, как дела?',
      '敏捷的棕色狐狸',
      '안녕하세요 세계',
      'नमस्ते दुनिया',
      'grüße aus köln',
      '😀🎉',
    ]) {
      expect(estimateOf(text)).toBeGreaterThanOrEqual(2)
      expect(estimateOf(text)).toBeLessThanOrEqual(text.length)
      expect(Math.abs(estimateOfJson(text) - estimateOf(text))).toBeLessThanOrEqual(1)
    }
  })

  test('grows with the text', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (one, more) => {
        expect(estimateOf(one + more)).toBeGreaterThanOrEqual(estimateOf(one))
      }),
    )
  })
})

test('judges a long text by samples as it would by every character', () => {
  const line = 'Grüße: the quick brown fox (no. 1234) jumps over "the lazy dog",\nand rests.  '
  for (const length of [5_000, 40_000, 400_000]) {
    const text = line.repeat(Math.ceil(length / line.length)).slice(0, length)
    const counted = estimateOfJson(text, 1_000)
    expect(Math.abs(estimateOfJson(text) - counted)).toBeLessThan(counted * 0.1)
  }
})
