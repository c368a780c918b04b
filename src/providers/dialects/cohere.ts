// Cohere, v1 and v2: chat, generate, embed and rerank, billed by `billed_units`, which are fewer than the tokens.
import { countOf, errorMessageOf, fieldOf, sumOf } from '../json-value.ts'
import { lastTold, type Told } from './last-told.ts'
import { usageOf } from './openai-usage.ts'

/** v2 chat, its stream's end, v1 and the embedders, v1's stream's end. */
const places = ['usage', 'delta.usage', 'meta', 'response.meta'] as const

export const cohere = lastTold(
  {
    usage: places,
    about: ['response_id', 'delta.error'],
    texts: [
      'text', 'generations.text', 'message.content.text', 'message.tool_plan', 'message.tool_calls.function.arguments',
      'delta.message.content.text', 'delta.message.content.thinking', 'delta.message.tool_plan',
      'delta.message.tool_calls.function.name', 'delta.message.tool_calls.function.arguments',
    ], // prettier-ignore
  },
  (told) => {
    const usage = places.map((place) => told.get(place)).find((value) => fieldOf(value, 'billed_units') !== undefined)
    const billed = fieldOf(usage, 'billed_units')
    const unit = (name: string) => countOf(fieldOf(billed, name))
    const imageTokens = unit('image_tokens')
    const input_tokens = sumOf(unit('input_tokens'), imageTokens)
    const cached = countOf(fieldOf(usage, 'cached_tokens'))
    return {
      usage: usageOf({
        input_tokens,
        // Cached tokens are a part of `tokens`, and may be more than what is billed.
        billed_input_tokens: cached === undefined ? undefined : input_tokens,
        output_tokens: unit('output_tokens'),
        cache_read_tokens: cached,
        input_image_tokens: imageTokens === 0 ? undefined : imageTokens,
        search_units: unit('search_units'),
      }),
      final: billed !== undefined,
      assumed: assumedOf(told),
      // v2's streams tell an error in their end: {"type":"message-end","delta":{"error":…,"finish_reason":"ERROR"}}.
      error: errorMessageOf(told.get('error') ?? told.get('delta.error')) ?? null,
      response_id: told.text('id') ?? told.text('response_id'),
    }
  },
)

function assumedOf({ call }: Told) {
  if (call.path.endsWith('/rerank')) return { search_units: 1 }
  return call.path.endsWith('/embed') ? { input_tokens: call.input_tokens_estimate } : null
}
