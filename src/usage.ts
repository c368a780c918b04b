// Usage: what was consumed, in counts. No money lives here.

/**
 * What one answer used. A field that the provider did not report stays absent (absent is not zero).
 * `input_tokens` holds everything metered on the input side, cache reads and writes included; `output_tokens` everything on
 * the output side, reasoning included. The other token fields are parts of those two, never additions to them.
 */
export interface Usage {
  input_tokens?: number
  output_tokens?: number
  /** The provider's own total where it reports only that (rerankers, some embeddings). */
  total_tokens?: number
  /** The counts of so many requests added up (a batch): the length of one context is then about a so-manieth of them. */
  summed_requests?: number
  /** Where the provider bills its input at one price, whatever was cached (Cohere's billed units): the tokens that it bills. */
  billed_input_tokens?: number
  cache_read_tokens?: number
  cache_write_tokens?: number
  cache_write_5m_tokens?: number
  cache_write_1h_tokens?: number
  reasoning_tokens?: number
  input_audio_tokens?: number
  output_audio_tokens?: number
  cache_read_audio_tokens?: number
  input_image_tokens?: number
  output_image_tokens?: number
  input_characters?: number
  output_characters?: number
  input_seconds?: number
  output_seconds?: number
  /** How many channels of a recording were heard by themselves; the provider bills the seconds of each. */
  input_channels?: number
  images?: number
  /** What an image's price depends on, as the provider writes it (`1024x1024`). Of a video its size. */
  image_size?: string
  image_quality?: string
  /** Pixels of the images in a multimodal embedding's input. */
  input_image_pixels?: number
  pages?: number
  search_units?: number
  web_search_requests?: number
  file_search_requests?: number
  /** ElevenLabs' own unit. */
  credits?: number
  /** fal's own units: images, seconds or megapixels, as the model has it. */
  billable_units?: number
  /** Dollars that the provider itself says the call cost, as a decimal string or number, unrounded. */
  cost_usd_reported?: number
  /** As the provider names it: `flex`, `priority`, `batch`, `ON_DEMAND`, … */
  service_tier?: string
  /** Where Anthropic ran the model: `global`, `us`. */
  inference_geo?: string
  /** `fast`: Anthropic's fast mode. */
  speed?: string
  /** Work another model did inside the same answer (an advisor, a compaction pass); priced at that model's price. */
  sub_usage?: readonly SubUsage[]
}

export interface SubUsage extends Omit<Usage, 'sub_usage'> {
  model: string
}

/** Where the counts of a record come from. */
export type UsageSource = 'provider' | 'estimated' | 'reported' | 'none'

/** The seconds that were heard, of each channel that was heard by itself. */
export function billedInputSeconds({ input_seconds, input_channels = 1 }: Usage | SubUsage): number | undefined {
  return input_seconds === undefined ? undefined : input_seconds * input_channels
}
