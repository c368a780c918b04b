// Batches of OpenAI: the totals stand in the batch once it has ended; half the price.
import { lastTold } from './last-told.ts'
import { openaiUsage } from './openai-usage.ts'

const ended = new Set(['failed', 'expired', 'cancelled', 'completed'])

export const openaiBatch = lastTold({ usage: ['usage'], about: ['status'] }, (told) => {
  const usage = openaiUsage(told.get('usage'), { hiddenThoughts: false, serviceTier: 'batch' })
  const status = told.text('status') ?? ''
  if (!ended.has(status)) return { pending: true }
  const final = usage.input_tokens !== undefined
  return {
    usage,
    final,
    unbilled: final ? null : `the batch is ${status} and told no usage`,
    dedupe_id: told.text('id'),
  }
})
