// Voice prices: speech that the library has no price for, each as its source printed it on a day.
import type { OwnPrice } from './own-price.ts'

const million = 1_000_000
const minute = 60
const hour = 3_600

/** List prices of the pay-as-you-go plan. Free allowances and volume discounts are not known to an answer. */
export const voicePrices: readonly OwnPrice[] = [
  // OpenAI
  {
    priceProvider: 'openai',
    model: /^tts-1(?:-1106)?$/,
    rates: { input_characters: ['15', million] },
    source: 'https://openai.com/api/pricing/',
    date: '2026-05-05',
  },
  {
    priceProvider: 'openai',
    model: /^tts-1-hd(?:-1106)?$/,
    rates: { input_characters: ['30', million] },
    source: 'https://openai.com/api/pricing/',
    date: '2026-05-05',
  },
  // The library knows the undated name only.
  {
    priceProvider: 'openai',
    model: /^gpt-4o-mini-tts-20\d\d-\d\d-\d\d$/,
    rates: { input_tokens: ['0.60', million], output_tokens: ['12', million] },
    source: 'https://developers.openai.com/api/docs/models/gpt-4o-mini-tts',
    date: '2026-07-16',
  },
  // ElevenLabs: dollars per thousand characters through the API; credits differ by plan.
  {
    priceProvider: 'elevenlabs',
    model: /^eleven_(?:flash|turbo)_v2(?:_5)?$/,
    rates: { input_characters: ['0.05', 1_000] },
    source: 'https://elevenlabs.io/pricing/api',
    date: '2026-05-05',
  },
  {
    priceProvider: 'elevenlabs',
    model: /^eleven_(?:multilingual_v2|v3)$/,
    rates: { input_characters: ['0.10', 1_000] },
    source: 'https://elevenlabs.io/docs/overview/models',
    date: '2026-05-19',
  },
  {
    priceProvider: 'elevenlabs',
    model: /^scribe_v1$/,
    rates: { input_seconds: ['0.22', hour] },
    source: 'https://github.com/BerriAI/litellm/blob/main/model_prices_and_context_window.json',
    date: '2026-11-23',
  },
  // Deepgram: recorded audio, one language. Its answers name models `general-nova-3`, `2-general-nova`, `nova-2-meeting`.
  {
    priceProvider: 'deepgram',
    model: /^(?:[a-z]+-)?nova-3(?:-(?:general|medical))?$|^(?:[a-z]+-)?nova-2(?:-[a-z]+)?$|^2-[a-z]+-nova$/,
    rates: { input_seconds: ['0.0043', minute] },
    source: 'https://deepgram.com/pricing',
    date: '2026-05-05',
  },
  {
    priceProvider: 'deepgram',
    model: /^(?:[a-z]+-)?nova-3-multilingual$/,
    rates: { input_seconds: ['0.0052', minute] },
    source: 'https://deepgram.com/pricing',
    date: '2026-05-05',
  },
  {
    priceProvider: 'deepgram',
    model: /^aura-2(?:-|$)/,
    rates: { input_characters: ['0.030', 1_000] },
    source: 'https://deepgram.com/pricing',
    date: '2026-05-19',
  },
  {
    priceProvider: 'deepgram',
    model: /^aura-(?!2-|2$)/,
    rates: { input_characters: ['0.015', 1_000] },
    source: 'https://deepgram.com/pricing',
    date: '2026-05-04',
  },
  // AssemblyAI: recorded audio, to the second.
  {
    priceProvider: 'assemblyai',
    model: /^universal(?:-2)?$/,
    rates: { input_seconds: ['0.15', hour] },
    source: 'https://www.assemblyai.com/pricing',
    date: '2026-10-07',
  },
  {
    priceProvider: 'assemblyai',
    model: /^universal-3(?:[.-]5)?-pro$/,
    rates: { input_seconds: ['0.21', hour] },
    source: 'https://www.assemblyai.com/pricing',
    date: '2026-10-07',
  },
  {
    priceProvider: 'gladia',
    model: /^solaria-1$/,
    rates: { input_seconds: ['0.61', hour] },
    source: 'https://www.gladia.io/pricing',
    date: '2026-06-12',
  },
  {
    priceProvider: 'revai',
    model: /^reverb$/,
    rates: { input_seconds: ['0.20', hour] },
    source: 'https://www.rev.ai/pricing',
    date: '2026-06-12',
    inputSecondsMin: 15,
  },
  {
    priceProvider: 'revai',
    model: /^(?:whisper_)?fusion$/,
    rates: { input_seconds: ['0.005', minute] },
    source: 'https://www.rev.ai/pricing',
    date: '2026-06-12',
    inputSecondsMin: 15,
  },
  // LMNT sells plans; this is what characters above the smallest paid one cost.
  {
    priceProvider: 'lmnt',
    model: /^blizzard$/,
    rates: { input_characters: ['0.05', 1_000] },
    source: 'https://www.lmnt.com/pricing',
    date: '2026-05-19',
  },
  {
    priceProvider: 'groq',
    model: /^canopylabs\/orpheus-v1-english$/,
    rates: { input_characters: ['22', million] },
    source: 'https://groq.com/pricing/',
    date: '2026-05-05',
  },
  {
    priceProvider: 'groq',
    model: /^canopylabs\/orpheus-arabic-saudi$/,
    rates: { input_characters: ['40', million] },
    source: 'https://groq.com/pricing/',
    date: '2026-05-05',
  },
  {
    priceProvider: 'mistral',
    model: /^voxtral-mini-tts-2603$/,
    rates: { input_characters: ['16', million] },
    source: 'https://mistral.ai/pricing/api/',
    date: '2026-07-16',
  },
]
