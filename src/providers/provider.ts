// A provider: where it is, how its key is sent, how its answers are read.

/** Which group of wire formats a provider speaks; the URL's path decides between those of a group. */
export type ProviderFamily =
  | 'alephalpha'
  | 'anthropic'
  | 'assemblyai'
  | 'bedrock'
  | 'black-forest-labs'
  | 'cartesia'
  | 'cohere'
  | 'deepgram'
  | 'elevenlabs'
  | 'fal'
  | 'gladia'
  | 'google'
  | 'huggingface'
  | 'hume'
  | 'lmnt'
  | 'luma'
  | 'ollama'
  | 'openai'
  | 'replicate'
  | 'revai'
  | 'watsonx'

/** The header that carries the provider's key, and what stands before the key in it (`Bearer `, `Token `, or nothing). */
export interface ProviderAuth {
  header: string
  prefix: string
}

export interface Provider {
  /** The catalogue's key, such as `openai`, or the host's own name. */
  key: string
  /** Where calls go. No trailing slash, no query. Null: each customer has its own, so the host must give it. */
  baseUrl: string | null
  /** The provider's public address. A call addressed to it goes to `baseUrl` (design 5.12). The same as `baseUrl` unless replaced. */
  publicBaseUrl: string | null
  /** Null: it takes no key (a local model server). */
  auth: ProviderAuth | null
  /** Environment variables that usually hold the key, first one wins. */
  apiKeyVariables: readonly string[]
  /** Null: its answers carry no usage that we read yet; usage comes from a report. */
  family: ProviderFamily | null
  /** Its name in the price table; null when the table does not know it. */
  priceProvider: string | null
  /** Its chat streams tell their usage only when `stream_options.include_usage` asks for it, and it takes the question. */
  usageOnlyIfAsked: boolean
}
