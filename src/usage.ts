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
  images?: number
  pages?: number
  search_units?: number
  web_search_requests?: number
  /** Dollars that the provider itself says the call cost, as a decimal string or number, unrounded. */
  cost_usd_reported?: number
  service_tier?: string
  /** Work another model did inside the same answer (an advisor, a compaction pass); priced at that model's price. */
  sub_usage?: readonly SubUsage[]
}

export interface SubUsage extends Omit<Usage, 'sub_usage'> {
  model: string
}

/** Where the counts of a record come from. */
export type UsageSource = 'provider' | 'estimated' | 'reported' | 'none'
