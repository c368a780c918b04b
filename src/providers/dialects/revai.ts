// Rev.ai's jobs: billed by the second; the transcript itself tells nothing.
import { lastTold } from './last-told.ts'
import { usageOf } from './openai-usage.ts'

export const revai = lastTold({ usage: ['duration_seconds'], about: ['status', 'transcriber'] }, (told) => {
  const status = told.text('status')
  if (status === 'failed') return { unbilled: 'the job failed' }
  if (status !== 'transcribed' && status !== 'completed') return { pending: true }
  const input_seconds = told.quantity('duration_seconds')
  return {
    usage: usageOf({ input_seconds }),
    final: input_seconds !== undefined,
    assumed: {},
    // `machine` is what it names its default.
    model: told.text('transcriber') === 'machine' ? null : told.text('transcriber'),
    dedupe_id: told.text('id'),
  }
})
