// Aleph Alpha's completions and embeddings.
import { lastTold } from './last-told.ts'
import { usageOf } from './openai-usage.ts'

export const alephAlpha = lastTold(
  {
    usage: ['num_tokens_prompt_total', 'num_tokens_generated'],
    // A stream's chunks, and a body's answers.
    texts: ['completion', 'completions.completion'],
  },
  (told) => {
    const { path, input_tokens_estimate } = told.call
    const input_tokens = told.count('num_tokens_prompt_total')
    const output_tokens = told.count('num_tokens_generated')
    const writes = path.endsWith('/complete')
    return {
      usage: usageOf({ input_tokens, output_tokens }),
      final: (writes ? output_tokens : input_tokens) !== undefined,
      assumed: writes ? null : { input_tokens: input_tokens_estimate },
    }
  },
)
