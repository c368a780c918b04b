// Embeddings and rerankers that count tokens: OpenAI's format and those who took it over (Mistral, Voyage, Jina, Together).
import { fieldOf, countOf } from '../json-value.ts'
import { lastTold } from './last-told.ts'
import { openaiUsage, usageOf } from './openai-usage.ts'

export const embeddings = lastTold({ usage: ['usage'] }, (told) => {
  const usage = told.get('usage')
  const counted = openaiUsage(usage, { hiddenThoughts: false, serviceTier: null })
  // Voyage and Jina's rerankers tell only the total, all of which is input.
  const { total_tokens, output_tokens, input_tokens = total_tokens, ...rest } = counted
  if (input_tokens === undefined) return { assumed: { input_tokens: told.call.input_tokens_estimate } }
  const written = output_tokens === 0 ? undefined : output_tokens
  // Of a Voyage multimodal input the pixels are billed by themselves.
  const input_image_pixels = countOf(fieldOf(usage, 'image_pixels'))
  return { usage: usageOf({ ...rest, input_tokens, output_tokens: written, input_image_pixels }), final: true }
})
