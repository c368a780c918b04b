// Gemini's Interactions: usage stands in the interaction, or in the event that completes it.
import { countOf, fieldOf, sumOf } from '../json-value.ts'
import { lastTold, type Told } from './last-told.ts'
import { modalityTokens } from './gemini.ts'
import { usageOf } from './openai-usage.ts'

export const geminiInteractions = lastTold(
  {
    usage: ['usage', 'interaction.usage', 'metadata.usage'],
    about: [
      'status', 'agent', 'service_tier', 'interaction_id', 'interaction.id', 'interaction.status', 'interaction.model',
      'interaction.agent', 'interaction.service_tier',
    ], // prettier-ignore
    texts: ['delta.text', 'delta.arguments', 'delta.content.text', 'steps.content.text', 'outputs.text'],
  },
  (told) => {
    const whole = told.get('interaction.usage') ?? told.get('usage')
    // Any event may tell it by the way; of an error it is the last word (js-genai, ErrorEvent).
    const usage = whole ?? told.get('metadata.usage')
    const status = told.text('status') ?? told.text('interaction.status')
    const count = (name: string) => countOf(fieldOf(usage, `total_${name}_tokens`))
    const thoughts = count('thought')
    const input = fieldOf(usage, 'input_tokens_by_modality')
    const output = fieldOf(usage, 'output_tokens_by_modality')
    const input_tokens = sumOf(count('input'), count('tool_use'))
    const final = input_tokens !== undefined && (whole !== undefined || told.get('error') !== undefined)
    const id = told.text('interaction.id') ?? told.text('id') ?? told.text('interaction_id')
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
      final,
      // A stream that stops in the middle is cut; only background work goes on without its reader.
      pending: input_tokens === undefined && !told.call.streamed && status === 'in_progress',
      unbilled: usage === undefined && fruitless.has(status ?? '') ? `the interaction is ${String(status)}` : null,
      model: modelOf(told),
      response_id: id,
      // Interactions are stored, and each GET tells their usage again.
      dedupe_id: id,
    }
  },
)

const fruitless = new Set(['failed', 'cancelled'])

/** An agent stands in the place of a model. */
function modelOf(told: Told): string | null {
  const names = ['interaction.model', 'model', 'interaction.agent', 'agent'] as const
  return names.map((name) => told.text(name)).find((name) => name !== null) ?? null
}
