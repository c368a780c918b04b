// Gemini's Interactions: usage stands in the interaction, or in the event that completes it.
import { countOf, fieldOf, sumOf } from '../json-value.ts'
import { lastTold } from './last-told.ts'
import { modalityTokens } from './gemini.ts'
import { usageOf } from './openai-usage.ts'

export const geminiInteractions = lastTold(
  {
    usage: ['usage', 'interaction.usage'],
    about: ['status', 'interaction.status', 'interaction.id', 'interaction.model', 'interaction.service_tier', 'service_tier'],
    texts: ['delta.text', 'delta.arguments', 'delta.content.text', 'steps.content.text', 'outputs.text'],
  }, // prettier-ignore
  (told) => {
    const usage = told.get('interaction.usage') ?? told.get('usage')
    const count = (name: string) => countOf(fieldOf(usage, `total_${name}_tokens`))
    const thoughts = count('thought')
    const input = fieldOf(usage, 'input_tokens_by_modality')
    const output = fieldOf(usage, 'output_tokens_by_modality')
    const input_tokens = sumOf(count('input'), count('tool_use'))
    const id = told.text('interaction.id') ?? told.text('id')
    return {
      usage: usageOf({
        input_tokens,
        output_tokens: sumOf(count('output'), thoughts),
        cache_read_tokens: count('cached'),
        reasoning_tokens: thoughts,
        input_audio_tokens: modalityTokens(input, 'audio'),
        input_image_tokens: modalityTokens(input, 'image'),
        output_audio_tokens: modalityTokens(output, 'audio'),
        output_image_tokens: modalityTokens(output, 'image'),
        service_tier: told.text('interaction.service_tier') ?? told.text('service_tier') ?? undefined,
      }),
      final: input_tokens !== undefined,
      // A stream that stops in the middle is cut; only background work goes on without its reader.
      pending: input_tokens === undefined && !told.call.streamed && told.text('status') === 'in_progress',
      model: told.text('interaction.model') ?? told.text('model'),
      response_id: id,
      // Interactions are stored, and each GET tells their usage again.
      dedupe_id: id,
    }
  },
)
