// Batches of OpenAI: the totals stand in the batch once it has ended; half the price.
import { lastTold } from './last-told.ts'
import { openaiUsage, usageOf } from './openai-usage.ts'

const ended = new Set(['failed', 'expired', 'cancelled', 'completed'])

export const openaiBatch = lastTold({ usage: ['usage'], about: ['status', 'request_counts.completed'] }, (told) => {
  const usage = openaiUsage(told.get('usage'), { hiddenThoughts: false, serviceTier: 'batch' })
  // Together shouts its states.
  const status = told.text('status')?.toLowerCase() ?? ''
  if (!ended.has(status)) return { pending: true }
  const final = usage.input_tokens !== undefined
  return {
    usage: { ...usage, ...usageOf({ summed_requests: told.count('request_counts.completed') }) },
    final,
    // Groq's and Together's batches are done without telling what they used.
    assumed: {},
    unbilled: final || status === 'completed' ? null : `the batch is ${status} and told no usage`,
    dedupe_id: told.text('id'),
  }
})
