// Bedrock Converse, streamed or not: `usage` stands in the body, or in the stream's last message.
import { countOf, fieldOf, listOf, sumOf, textOf } from '../json-value.ts'
import type { Usage } from '../../usage.ts'
import { lastTold } from './last-told.ts'
import { hasBothSides, usageOf } from './openai-usage.ts'

export const bedrockConverse = lastTold(
  {
    usage: ['usage'],
    about: ['serviceTier.type'],
    texts: [
      'delta.text', 'delta.reasoningContent.text', 'delta.toolUse.input', 'start.toolUse.name',
      'output.message.content.text', 'output.message.content.reasoningContent.reasoningText.text',
      'output.message.content.toolUse.name', 'output.message.content.toolUse.input',
    ], // prettier-ignore
  },
  (told) => {
    const usage = converseUsage(told.get('usage'))
    const service_tier = told.text('serviceTier.type') ?? undefined
    return { usage: { ...usage, ...usageOf({ service_tier }) }, final: hasBothSides(usage) }
  },
)

/** Cached tokens stand beside `inputTokens`; some answers tell them twice, under two names. Nova's invoke has the same object. */
export function converseUsage(told: unknown): Usage {
  const read = countOf(fieldOf(told, 'cacheReadInputTokens')) ?? countOf(fieldOf(told, 'cacheReadInputTokenCount'))
  const written = countOf(fieldOf(told, 'cacheWriteInputTokens')) ?? countOf(fieldOf(told, 'cacheWriteInputTokenCount'))
  const lifetimes = listOf(fieldOf(told, 'cacheDetails'))
  const writtenFor = (ttl: string) =>
    sumOf(...lifetimes.map((each) => (textOf(fieldOf(each, 'ttl')) === ttl ? countOf(fieldOf(each, 'inputTokens')) : undefined))) // prettier-ignore
  return usageOf({
    input_tokens: sumOf(countOf(fieldOf(told, 'inputTokens')), read, written),
    output_tokens: countOf(fieldOf(told, 'outputTokens')),
    cache_read_tokens: read,
    cache_write_tokens: written,
    cache_write_5m_tokens: writtenFor('5m'),
    cache_write_1h_tokens: writtenFor('1h'),
  })
}
