// The provider of a fetch: whose host the client calls by its own choice, so that its answer can be read and priced.
import { findProvider } from '../providers/catalog.ts'
import { endpointOf, familyOfDialect } from '../providers/endpoint.ts'
import { providerOfHost } from '../providers/known-host.ts'
import type { Provider } from '../providers/provider.ts'
import type { ConfiguredProvider } from './configured-provider.ts'

/**
 * The host's own entry, the catalogue's, one told by the host's name (a region or a resource stands in it), or one told by the
 * path, for servers that speak a known format; such a one is never asked for usage, and has no prices but the host's own. Null:
 * nothing says that this is a provider (a client fetches pictures too).
 */
export function providerOfFetch(
  method: string,
  url: URL,
  providers: readonly ConfiguredProvider[],
): ConfiguredProvider | null {
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return null
  const configured = findProvider(url, providers)
  if (configured) return configured
  const named = providerOfHost(url)
  if (named) return fetched(named, url)
  const endpoint = endpointOf(method, url, null)
  if (endpoint === null || endpoint === 'free') return null
  const shape = { auth: null, apiKeyVariables: [], priceProvider: null, usageOnlyIfAsked: false }
  return fetched({ ...shape, key: url.host, family: familyOfDialect(endpoint) }, url)
}

function fetched(entry: Omit<Provider, 'baseUrl' | 'publicBaseUrl'>, { origin }: URL): ConfiguredProvider {
  return { ...entry, baseUrl: origin, publicBaseUrl: origin, apiKey: null, allowPrivate: false, usage: null }
}
