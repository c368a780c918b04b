// Google's `:predict`: embeddings count their tokens each, Imagen its images.
import { countOf, listOf, sumOf } from '../json-value.ts'
import { lastTold } from './last-told.ts'
import { usageOf } from './openai-usage.ts'

const tokensPath = 'predictions.embeddings.statistics.token_count'

export const googlePredict = lastTold(
  { lists: [tokensPath], counts: ['predictions.bytesBase64Encoded', 'predictions.gcsUri'] },
  (told) => {
    const { model, input_tokens_estimate } = told.call
    const input_tokens = sumOf(...listOf(told.get(tokensPath)).map(countOf))
    // An image that a filter took out is not billed, and has no bytes.
    const images = told.count('predictions.bytesBase64Encoded') ?? told.count('predictions.gcsUri')
    const final = input_tokens !== undefined || images !== undefined
    const draws = model?.startsWith('imagen') ?? false
    return {
      usage: usageOf({ input_tokens, images }),
      final,
      unbilled: draws && !final ? 'no image was made, or all were filtered' : null,
      assumed: { input_tokens: input_tokens_estimate },
    }
  },
)
