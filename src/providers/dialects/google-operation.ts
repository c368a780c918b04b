// Google's long-running predictions (Veo): billed when the operation is done.
import { lastTold } from './last-told.ts'

/** Veo makes eight seconds where nobody asks for fewer, and the result does not tell (ai.google.dev, Veo). */
const secondsPerVideo = 8

export const googleOperation = lastTold(
  {
    counts: ['response.generateVideoResponse.generatedSamples', 'response.videos', 'response.generatedVideos'],
    about: ['name', 'done'],
  },
  (told) => {
    const dedupe_id = told.text('name')
    if (told.get('error') !== undefined) return { unbilled: 'the operation failed' }
    if (told.get('done') !== true) return { pending: true, dedupe_id }
    const videos =
      told.count('response.generateVideoResponse.generatedSamples') ??
      told.count('response.videos') ??
      told.count('response.generatedVideos') ??
      0
    if (videos === 0) return { unbilled: 'the operation made no video', dedupe_id }
    return { assumed: { output_seconds: videos * secondsPerVideo }, dedupe_id }
  },
)
