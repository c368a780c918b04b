// Black Forest Labs: images made in the background, billed each.
import { lastTold } from './last-told.ts'

/** The ends without a result (docs.bfl.ai, "Errors", and its integration guide). Of the other states there come new ones. */
const fruitless = new Set(['Error', 'Failed', 'Request Moderated', 'Content Moderated', 'Task not found'])

export const blackForestLabs = lastTold({ about: ['status', 'result.sample'] }, (told) => {
  const status = told.text('status')
  if (status !== null && fruitless.has(status)) return { unbilled: `no image was made: ${status}` }
  // A submission has no state yet.
  if (status !== 'Ready') return { pending: true }
  const dedupe_id = told.text('id')
  // How long a video is, nothing tells.
  const isVideo = /\.mp4(?:\?|$)/.test(told.text('result.sample') ?? '')
  return isVideo ? { assumed: {}, dedupe_id } : { usage: { images: 1 }, final: true, dedupe_id }
})
