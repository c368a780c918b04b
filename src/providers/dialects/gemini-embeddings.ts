// Gemini embeddings: since gemini-embedding-2 they tell their tokens, before they told nothing.
import { fieldOf, listOf } from '../json-value.ts'
import { modalityTokens } from './gemini.ts'
import { lastTold } from './last-told.ts'
import { usageOf } from './openai-usage.ts'

export const geminiEmbeddings = lastTold(
  {
    usage: ['usageMetadata.promptTokenCount', 'usageMetadata.promptTokenDetails', 'usageMetadata.promptTokensDetails'],
  },
  (told) => {
    const input_tokens = told.count('usageMetadata.promptTokenCount')
    // The one key is the Gemini API's, the other Vertex's.
    const details = told.get('usageMetadata.promptTokenDetails') ?? told.get('usageMetadata.promptTokensDetails')
    const parts = listOf(details).filter((part) => fieldOf(part, 'tokenCount') !== 0)
    return {
      usage: usageOf({
        input_tokens,
        input_audio_tokens: modalityTokens(parts, 'audio'),
        input_image_tokens: modalityTokens(parts, 'image'),
      }),
      final: input_tokens !== undefined,
      assumed: { input_tokens: told.call.input_tokens_estimate },
    }
  },
)
