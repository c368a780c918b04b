// Ollama's own API: the last line of a stream, or the body, tells the counts.
import { lastTold } from './last-told.ts'
import { usageOf } from './openai-usage.ts'

export const ollama = lastTold(
  {
    usage: ['prompt_eval_count', 'eval_count'],
    about: ['done', 'done_reason'],
    texts: [
      'response', 'thinking', 'message.content', 'message.thinking', 'message.tool_calls.function.name',
      'message.tool_calls.function.arguments', 'choices.message.content',
    ], // prettier-ignore
  },
  (told) => {
    const { path, input_tokens_estimate } = told.call
    const input_tokens = told.count('prompt_eval_count')
    const output_tokens = told.count('eval_count')
    const embeds = /\/embed(?:dings)?$/.test(path)
    const doneReason = told.text('done_reason')
    const finished = embeds || (told.get('done') === true && output_tokens !== undefined)
    return {
      usage: usageOf({ input_tokens, output_tokens }),
      final: finished && input_tokens !== undefined,
      // An empty prompt only brings the model into memory, or out of it (docs/api.md, "Load a model", "Unload a model").
      unbilled: doneReason === 'load' || doneReason === 'unload' ? `the model was only ${doneReason}ed` : null,
      // A prompt that is in the cache is not counted.
      assumed: finished && input_tokens === undefined ? { input_tokens: input_tokens_estimate } : null,
    }
  },
)
