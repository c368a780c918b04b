// Endpoints: which usage dialect an address answers in, and which addresses are free.
import type { ProviderFamily } from './provider.ts'

/** A way of telling usage. One reader each (readers.ts). */
export type Dialect = 'openai-chat' | 'openai-responses' | 'anthropic' | 'gemini'

interface EndpointRow {
  path: RegExp
  /** Default: any method. */
  method?: 'GET' | 'POST'
  is: Dialect | 'free'
}

/** The first row that fits is meant. Paths are matched at their end, so a version or a proxy's prefix does not matter. */
const rows: readonly EndpointRow[] = [
  { path: /\/responses\/input_tokens(?:\/count_tokens)?$/, is: 'free' },
  { path: /\/messages\/count_tokens$/, is: 'free' },
  { path: /:countTokens$/, is: 'free' },
  { path: /\/moderations$/, is: 'free' },
  { path: /\/(?:models|files|chat\/completions)(?:\/[^/]+)*$/, method: 'GET', is: 'free' },
  // Also the legacy /completions, which tells usage the same way.
  { path: /\/completions$/, method: 'POST', is: 'openai-chat' },
  { path: /\/responses(?:\/compact)?$/, method: 'POST', is: 'openai-responses' },
  { path: /\/responses\/[^/]+\/cancel$/, method: 'POST', is: 'openai-responses' },
  // The result of a background response.
  { path: /\/responses\/[^/]+$/, method: 'GET', is: 'openai-responses' },
  // Not the messages of an OpenAI thread.
  { path: /(?<!\/threads\/[^/]+)\/messages$/, method: 'POST', is: 'anthropic' },
  { path: /\/publishers\/anthropic\/models\/[^/]+:(?:rawPredict|streamRawPredict)$/, method: 'POST', is: 'anthropic' },
  { path: /:(?:generateContent|streamGenerateContent)$/, method: 'POST', is: 'gemini' },
]

/** Methods that make nothing. */
const freeMethods = new Set(['DELETE', 'HEAD', 'OPTIONS'])

/** What an address answers in. Null: no reader for it yet. */
export function endpointOf(method: string, url: URL): Dialect | 'free' | null {
  const called = method.toUpperCase()
  if (freeMethods.has(called)) return 'free'
  const { pathname } = url
  const path = pathname.endsWith('/') ? pathname.slice(0, -1) : pathname
  // Free everywhere else.
  if (path.endsWith('/moderations') && url.hostname.endsWith('.mistral.ai')) return null
  return rows.find((row) => (row.method === undefined || row.method === called) && row.path.test(path))?.is ?? null
}

/** The family that a dialect is at home in, for hosts that are not in the catalogue. */
export function familyOfDialect(dialect: Dialect): ProviderFamily {
  if (dialect === 'anthropic') return 'anthropic'
  return dialect === 'gemini' ? 'google' : 'openai'
}

/** The model that stands in the path: Gemini's `models/{model}:…`, Azure's `deployments/{name}/…`. */
export function modelOfPath(url: URL): string | null {
  const found = /\/(?:models|tunedModels)\/([^/:]+)(?::|$)|\/deployments\/([^/]+)\//.exec(url.pathname)
  const name = found?.[1] ?? found?.[2]
  return name === undefined ? null : decoded(name)
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name)
  } catch {
    // A stray per cent sign: the provider will judge it.
    return name
  }
}
