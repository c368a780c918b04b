// Model names: from what providers call a model to the name under which the price tables have it.

export interface ListedName {
  priceProvider: string
  model: string
}

/**
 * Only what the tables' own matching does not do; it knows dated names, and Bedrock's regions, versions and ARNs.
 *
 * @example
 * listedName('openrouter', 'openai/gpt-4o-mini:nitro') // { priceProvider: 'openrouter', model: 'openai/gpt-4o-mini' }
 */
export function listedName(priceProvider: string, model: string): ListedName {
  // Gemini's lists and its OpenAI-compatible endpoint say `models/…`, Vertex `publishers/google/models/…`.
  if (priceProvider === 'google') return { priceProvider, model: model.replace(/^(?:.*\/)?models\//, '') }
  // These choose a host or add a web search, whose cost OpenRouter reports; `:free`, `:extended`, `:thinking` are other models.
  if (priceProvider === 'openrouter')
    return { priceProvider, model: model.replace(/:(?:nitro|floor|exacto|online)$/i, '') }
  if (priceProvider === 'huggingface') return huggingFaceName(model)
  return { priceProvider, model }
}

/** The router passes on the price of the provider that the name ends with; without one it chooses, and nobody knows whom. */
function huggingFaceName(model: string): ListedName {
  const [, name = model, provider] = /^(.+):([a-z0-9-]+)$/i.exec(model) ?? []
  return { priceProvider: provider ? `huggingface_${provider.toLowerCase()}` : 'huggingface', model: name }
}
