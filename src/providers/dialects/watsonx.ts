// IBM watsonx text generation: a running count of the output, the input's count only in the first event.
import { lastTold } from './last-told.ts'
import { usageOf } from './openai-usage.ts'

export const watsonx = lastTold(
  {
    usage: ['results.generated_token_count'],
    largest: ['results.input_token_count', 'input_token_count'],
    about: ['model_id', 'results.stop_reason'],
    texts: ['results.generated_text'],
  },
  (told) => {
    const output_tokens = told.count('results.generated_token_count')
    // Embeddings tell only the input.
    const input_tokens = told.count('results.input_token_count') ?? told.count('input_token_count')
    const stopped = told.text('results.stop_reason')
    return {
      usage: usageOf({ input_tokens, output_tokens }),
      final: output_tokens === undefined ? input_tokens !== undefined : stopped !== 'not_finished',
      model: told.text('model_id'),
    }
  },
)
