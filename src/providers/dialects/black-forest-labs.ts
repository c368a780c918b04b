// Black Forest Labs: images made in the background, billed each.
import { lastTold } from './last-told.ts'

const going = new Set(['Pending', 'Queued', 'Processing'])

export const blackForestLabs = lastTold({ about: ['status', 'polling_url'] }, (told) => {
  const status = told.text('status')
  // A submission has no state yet.
  if (status === null || going.has(status)) return { pending: true }
  // Moderated, failed or forgotten: nothing was made.
  if (status !== 'Ready') return { unbilled: `the image is not ready: ${status}` }
  return { usage: { images: 1 }, final: true, dedupe_id: told.text('id') }
})
