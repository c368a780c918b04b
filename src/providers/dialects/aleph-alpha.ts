// Aleph Alpha's completions.
import { lastTold } from './last-told.ts'
import { usageOf } from './openai-usage.ts'

export const alephAlpha = lastTold(
  { usage: ['num_tokens_prompt_total', 'num_tokens_generated'], texts: ['completions.completion'] },
  (told) => {
    const output_tokens = told.count('num_tokens_generated')
    return {
      usage: usageOf({ input_tokens: told.count('num_tokens_prompt_total'), output_tokens }),
      final: output_tokens !== undefined,
    }
  },
)
