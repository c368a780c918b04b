// Mistral's OCR: billed by the page.
import { lastTold } from './last-told.ts'
import { usageOf } from './openai-usage.ts'

export const mistralOcr = lastTold({ usage: ['usage_info.pages_processed'], counts: ['pages'] }, (told) => {
  const pages = told.count('usage_info.pages_processed') ?? told.count('pages')
  return { usage: usageOf({ pages }), final: pages !== undefined, assumed: { pages: 1 } }
})
