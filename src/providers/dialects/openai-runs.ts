// Runs of OpenAI's assistants: usage stands in the run once it has ended, and in no part of it.
import { textOf } from '../json-value.ts'
import { lastTold } from './last-told.ts'
import { openaiUsage } from './openai-usage.ts'

const ended = new Set(['failed', 'cancelled', 'expired', 'incomplete', 'completed'])

export const openaiRuns = lastTold(
  // Steps have usage too, which the run's own holds already.
  { usage: ['usage'], about: ['status', 'object'], only: (object) => textOf(object.get('object')) === 'thread.run' },
  (told) => {
    const usage = told.get('usage')
    const status = told.text('status')
    const final = usage !== undefined
    // A run goes on at OpenAI whether its stream is read or not; its result is fetched later.
    const pending = !final && !ended.has(status ?? '')
    return {
      usage: openaiUsage(usage, { hiddenThoughts: false, serviceTier: null }),
      final,
      pending,
      unbilled: final || pending ? null : `the run is ${String(status)} and told no usage`,
      dedupe_id: told.text('id'),
    }
  },
)
