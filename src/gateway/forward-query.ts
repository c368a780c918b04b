// The query of a forwarded call: the target in all forms that clients send, and the gateway's own parameters.
import { LRUCache } from 'lru-cache'

export interface ForwardQuery {
  /** The target as text, its own query included; null when `u` is missing. */
  target: string | null
  metadata: string | null
  /** A credential from `?key=`, whether it stood outside or inside `u`. */
  key: string | null
  /** The key of the provider that the path form names; null: the target says. */
  provider: string | null
}

/**
 * Splits a raw query string. `u` may be percent-encoded, or raw with the target's own `?` inside it; parameters that are not
 * the gateway's belong to the target and go back to it as they were written (lava-api 1.2).
 *
 * @param search what follows the first `?` of the request's URL.
 */
export function parseForwardQuery(search: string): ForwardQuery {
  const query: ForwardQuery = { target: null, metadata: null, key: null, provider: null }
  const targetPairs: string[] = []
  for (const pair of search.split('&')) {
    const equals = pair.indexOf('=')
    const name = equals < 0 ? pair : pair.slice(0, equals)
    const raw = equals < 0 ? '' : pair.slice(equals + 1)
    if (name === 'u' && query.target === null) query.target = targetText(raw)
    else if (name === 'metadata') query.metadata = decoded(raw.replaceAll('+', ' '))
    else if (name === 'key') query.key ??= credentialText(raw)
    else if (pair !== '') targetPairs.push(pair)
  }
  if (query.target === null || query.target === '') return { ...query, target: null }
  return withTargetQuery(query, query.target, targetPairs)
}

/** Most calls ask for what others have asked. Longer queries are read anew, and those with a credential of ours or with metadata. */
const remembered = { queries: 1_000, searchLengthMax: 1_000 } as const

/** `parseForwardQuery`, with a memory. */
export function createForwardQueries(): (search: string) => ForwardQuery {
  const known = new LRUCache<string, ForwardQuery>({ max: remembered.queries })
  return (search) => {
    const kept = known.get(search)
    if (kept) return kept
    const query = Object.freeze(parseForwardQuery(search))
    const isOrdinary = query.key === null && query.metadata === null
    if (isOrdinary && search.length <= remembered.searchLengthMax) known.set(search, query)
    return query
  }
}

/**
 * The same for the path form, `/v1/providers/{provider}/{the provider's own path}`, whose whole query is the target's.
 *
 * @param target the address that the path stands for, without a query.
 */
export function parsePathQuery(provider: string, target: string, search: string): ForwardQuery {
  return { ...parseForwardQuery(`u=${encodeURIComponent(target)}&${search}`), provider }
}

/** Takes `key` out of the target's own query (google clients put it there) and appends the outer parameters. */
function withTargetQuery(query: ForwardQuery, target: string, outerPairs: readonly string[]): ForwardQuery {
  const mark = target.indexOf('?')
  const base = mark < 0 ? target : target.slice(0, mark)
  const pairs: string[] = []
  let key = query.key
  for (const pair of mark < 0 ? [] : target.slice(mark + 1).split('&')) {
    if (pair.startsWith('key=')) key ??= credentialText(pair.slice(4))
    else if (pair !== '') pairs.push(pair)
  }
  pairs.push(...outerPairs)
  return { ...query, key, target: pairs.length > 0 ? `${base}?${pairs.join('&')}` : base }
}

/** Only a wholly encoded target is decoded: in a raw one, `%2F` and `+` are the target's own. */
function targetText(raw: string): string {
  return /^https?:\/\//i.test(raw) ? raw : decoded(raw.replaceAll('+', ' '))
}

/** Standard base64 holds `+`, which a query parser would have made a space of (lava-api 1.2). */
function credentialText(raw: string): string {
  return decoded(raw).replaceAll(' ', '+')
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    // A stray % is left as it is: the target check or the JSON parser says what is wrong with it.
    return text
  }
}
