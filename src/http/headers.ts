// Headers: which may pass to a provider, which may come back, and which carry a credential.
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http'

/** Where a caller's credential may stand (lava-api 1.4). None of them ever reaches a provider. */
export const credentialHeaders = ['authorization', 'x-api-key', 'x-goog-api-key', 'xi-api-key'] as const

/** RFC 9110 7.6.1 and the older proxies' own. */
const hopByHop = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]

const neverOut = new Set<string>([
  ...credentialHeaders,
  ...hopByHop,
  'api-key',
  'cookie',
  'cookie2',
  // Node answers 100-continue itself, or the host does.
  'expect',
  'host',
  // Who called the host, and from which page, is not the provider's business.
  'forwarded',
  'origin',
  'referer',
  'true-client-ip',
  'via',
  'x-client-ip',
  'x-real-ip',
])

const neverOutBegins = ['x-lava-', 'x-forwarded-', 'cf-', 'sec-', ':'] as const

const neverBack = new Set<string>([
  ...hopByHop,
  // These speak for the provider's own origin, and would act on the host's.
  'alt-svc',
  'clear-site-data',
  'public-key-pins',
  'set-cookie',
  'set-cookie2',
  'strict-transport-security',
])

const neverBackBegins = ['x-lava-', 'access-control-'] as const

/** Whether a caller's header may go to a provider: no credentials, cookies, hop-by-hop, forwarding and browser-context headers. */
export function mayGoOut(name: string, named: readonly string[]): boolean {
  return !neverOut.has(name) && !beginsWith(name, neverOutBegins) && !named.includes(name)
}

/** Only packings that the usage can be read through; an answer in another one would have to be estimated. */
export function readablePackings(acceptEncoding: string): string {
  const kept = acceptEncoding.split(',').filter((part) => /^\s*(gzip|deflate|br|zstd|identity)\s*(;|$)/i.test(part))
  return kept.length > 0 ? kept.join(',').trim() : 'identity'
}

/** Whether a provider's header may come back: not one that speaks for its connection or its origin. */
export function mayComeBack(name: string, named: readonly string[]): boolean {
  return !neverBack.has(name) && !beginsWith(name, neverBackBegins) && !named.includes(name)
}

/** The headers that `Connection` names: they are hop-by-hop too (RFC 9110 7.6.1). */
export function connectionHeaders({ connection }: IncomingHttpHeaders): readonly string[] {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return none
  return connection.toLowerCase().split(/\s*,\s*/)
}

const none: readonly string[] = []

function beginsWith(name: string, beginnings: readonly string[]): boolean {
  for (const beginning of beginnings) if (name.startsWith(beginning)) return true
  return false
}

export function isEventStream(headers: IncomingHttpHeaders | OutgoingHttpHeaders): boolean {
  const type = headers['content-type']
  return typeof type === 'string' && type.toLowerCase().startsWith('text/event-stream')
}

/** Without it, `compression()` in the host holds events back (expressjs/compression#17). */
export function withNoTransform(value: string | string[] | undefined): string {
  const text = Array.isArray(value) ? value.join(', ') : (value ?? 'no-cache')
  return text.toLowerCase().includes('no-transform') ? text : `${text}, no-transform`
}
