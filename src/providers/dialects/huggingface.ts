// Hugging Face's inference endpoints: text generation tells its counts in headers, or in the details that were asked for.
import { lastTold } from './last-told.ts'
import { usageOf } from './openai-usage.ts'

export const huggingface = lastTold(
  { usage: ['details.generated_tokens'], counts: ['details.prefill'], texts: ['token.text', 'generated_text'] },
  (told) => {
    const output_tokens = told.header('x-generated-tokens') ?? told.count('details.generated_tokens')
    const input_tokens = told.header('x-prompt-tokens') ?? told.count('details.prefill')
    const guessed = input_tokens === undefined ? { input_tokens: told.call.input_tokens_estimate } : null
    return {
      usage: usageOf({ input_tokens, output_tokens }),
      final: output_tokens !== undefined,
      assumed: output_tokens === undefined ? null : guessed,
    }
  },
)
