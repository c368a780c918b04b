// Other prices: images, videos, rerankers and embeddings that the library has no price for.
import type { OwnPrice } from './own-price.ts'

const million = 1_000_000

/** List prices, each as its source printed it on a day. */
export const otherPrices: readonly OwnPrice[] = [
  // Images and videos. The pages themselves were not at hand: their figures as several public copies have them.
  {
    priceProvider: 'openai',
    model: /^dall-e-2$/,
    rates: { images: ['0.020', 1] },
    variants: [
      { of: 'images', when: /^512x512/, dollars: '0.018' },
      { of: 'images', when: /^256x256/, dollars: '0.016' },
    ],
    source: 'https://openai.com/api/pricing/',
    date: '2026-11-23',
  },
  {
    priceProvider: 'openai',
    model: /^dall-e-3$/,
    rates: { images: ['0.040', 1] },
    variants: [
      { of: 'images', when: /^(?:1024x1792|1792x1024) hd$/, dollars: '0.120' },
      { of: 'images', when: /^(?:1024x1792|1792x1024)/, dollars: '0.080' },
      { of: 'images', when: /(?:^| )hd$/, dollars: '0.080' },
    ],
    source: 'https://openai.com/api/pricing/',
    date: '2026-11-23',
  },
  {
    priceProvider: 'openai',
    model: /^sora-2$/,
    rates: { output_seconds: ['0.10', 1] },
    source: 'https://openai.com/api/pricing/',
    date: '2026-11-23',
  },
  {
    priceProvider: 'openai',
    model: /^sora-2-pro$/,
    rates: { output_seconds: ['0.30', 1] },
    variants: [{ of: 'output_seconds', when: /^(?:1024x1792|1792x1024)/, dollars: '0.50' }],
    source: 'https://openai.com/api/pricing/',
    date: '2026-11-23',
  },
  // One price whatever the size.
  {
    priceProvider: 'google',
    model: /^imagen-4\.0-fast-generate-001$/,
    rates: { images: ['0.02', 1] },
    source: 'https://ai.google.dev/gemini-api/docs/pricing',
    date: '2026-11-23',
  },
  {
    priceProvider: 'google',
    model: /^imagen-4\.0-generate-001$/,
    rates: { images: ['0.04', 1] },
    source: 'https://ai.google.dev/gemini-api/docs/pricing',
    date: '2026-11-23',
  },
  {
    priceProvider: 'google',
    model: /^imagen-4\.0-ultra-generate-001$/,
    rates: { images: ['0.06', 1] },
    source: 'https://ai.google.dev/gemini-api/docs/pricing',
    date: '2026-11-23',
  },
  // Rerankers and embeddings; Voyage’s as OpenRouter lists them too.
  {
    priceProvider: 'voyageai',
    model: /^rerank-(?:2|2\.5|3)$/,
    rates: { input_tokens: ['0.05', million] },
    source: 'https://www.getmaxim.ai/bifrost/model-library/provider/voyage',
    date: '2026-11-23',
  },
  {
    priceProvider: 'voyageai',
    model: /^rerank-(?:2|2\.5|3)-lite$/,
    rates: { input_tokens: ['0.02', million] },
    source: 'https://www.getmaxim.ai/bifrost/model-library/provider/voyage',
    date: '2026-11-23',
  },
  {
    priceProvider: 'cohere',
    model: /^rerank-(?:v4\.0-fast|v3\.5|(?:english|multilingual)-v3\.0)$/,
    rates: { search_units: ['2.00', 1_000] },
    source: 'https://developer.puter.com/tutorials/cohere-api-pricing/',
    date: '2026-06-30',
  },
  {
    priceProvider: 'cohere',
    model: /^rerank-v4\.0-pro$/,
    rates: { search_units: ['2.50', 1_000] },
    source: 'https://developer.puter.com/tutorials/cohere-api-pricing/',
    date: '2026-06-30',
  },
  {
    priceProvider: 'cohere',
    model: /^embed-(?:english|multilingual)-(?:light-)?v3\.0$/,
    rates: { input_tokens: ['0.10', million] },
    source: 'https://github.com/openlit/openlit/blob/main/assets/pricing.json',
    date: '2026-11-23',
  },
]
