// OpenAI images: gpt-image tells tokens, DALL·E only what it made, which is counted.
import { textOf } from '../json-value.ts'
import { lastTold } from './last-told.ts'
import { openaiUsage, usageOf } from './openai-usage.ts'

export const openaiImages = lastTold(
  { usage: ['usage'], counts: ['data'], about: ['type', 'size', 'quality'] },
  (told) => {
    const usage = told.get('usage')
    const { input_tokens, output_tokens, ...rest } = openaiUsage(usage, { hiddenThoughts: false, serviceTier: null })
    // A stream shows the image as it grows, and ends with one event that holds it whole.
    const ended = told.text('type')?.endsWith('.completed') ?? false
    const images = told.count('data') ?? (ended ? 1 : undefined)
    const { image_size, image_quality } = told.call.requested
    return {
      usage: usageOf({
        ...rest,
        input_tokens,
        output_tokens,
        // gpt-image-1.5 also writes text, and tells it apart.
        output_image_tokens: rest.output_image_tokens ?? output_tokens,
        images,
        image_size: textOf(told.get('size')) ?? image_size,
        image_quality: textOf(told.get('quality')) ?? image_quality,
      }),
      // Those that are billed by tokens have to tell them.
      final: images !== undefined && (output_tokens !== undefined || !(told.call.model?.startsWith('gpt-') ?? false)),
      assumed: told.call.requested,
    }
  },
)
