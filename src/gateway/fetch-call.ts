// The call of a fetch: what a client asks of which provider, read from whatever a fetch takes.
import { createHash } from 'node:crypto'
import { watchCaller, type CallerWatch } from '../http/caller-watch.ts'
import { readFetchBody, type FetchBody } from '../http/fetch-body.ts'
import { addressOf, describeCall, type Call } from '../providers/call.ts'
import type { Idempotency } from './idempotency.ts'
import type { ConfiguredProvider } from './configured-provider.ts'
import { providerOfFetch } from './fetched-provider.ts'
import type { Settings } from './options.ts'

/** The platform's own type, which clients' `fetch` options take. */
export type Fetch = typeof globalThis.fetch

export interface FetchCall {
  input: Parameters<Fetch>[0]
  init: RequestInit | undefined
  transport: Fetch
  caller: CallerWatch
  provider: ConfiguredProvider
  method: string
  url: URL
  headers: Headers
  body: FetchBody
  call: Call
}

/**
 * Null: not to a provider, or an address that the platform has its own word on. Rejects as a fetch does when the caller's own
 * body fails, or the caller leaves while it is read.
 */
export async function readFetchCall(
  input: FetchCall['input'],
  init: RequestInit | undefined,
  transport: Fetch,
  settings: Settings<never>,
): Promise<FetchCall | null> {
  const request = typeof input === 'string' || input instanceof URL ? null : input
  const address = typeof input === 'string' ? input : input instanceof URL ? input.href : input.url
  if (!URL.canParse(address)) return null
  const url = new URL(address)
  const method = (init?.method ?? request?.method ?? 'GET').toUpperCase()
  const provider = providerOfFetch(method, url, settings.providers)
  if (!provider) return null
  const headers = new Headers(init?.headers ?? request?.headers)
  const caller = watchCaller(init?.signal ?? request?.signal ?? null)
  const reading = readFetchBody(init?.body ?? request?.body, headers, settings.inspectBytesMax, caller)
  const body = await reading.catch((error: unknown) => {
    caller.end()
    throw error
  })
  const call = describeFetch({ method, url, provider }, body)
  return { input, init, transport, caller, provider, method, url, headers, body, call }
}

/** The platform counts the length of what is sent in place of the caller's own body. */
export function bodyInit({ headers, init }: FetchCall, body: NonNullable<FetchBody['replacement']>): RequestInit {
  const kept = new Headers(headers)
  kept.delete('content-length')
  // The platform takes the type from a text or a Blob that it is given.
  const given = init?.body
  const type = given instanceof Blob ? given.type : typeof given === 'string' ? 'text/plain;charset=UTF-8' : ''
  if (type !== '' && !kept.has('content-type')) kept.set('content-type', type)
  return { body, headers: kept, ...(body instanceof ReadableStream ? { duplex: 'half' } : {}) }
}

export function describeFetch(
  { method, url, provider }: Pick<FetchCall, 'method' | 'url' | 'provider'>,
  { asked, byteLength }: Pick<FetchBody, 'asked' | 'byteLength'>,
): Call {
  const hostReads = provider.usage !== null
  return describeCall({
    address: addressOf(provider.family, method, url),
    body: asked,
    bodyBytes: byteLength,
    hostReads,
  })
}

/** The same key with the same content is the same request; only its hash is kept. */
export function idempotencyOf({ headers, method, url, body }: FetchCall): Idempotency | null {
  const key = headers.get('idempotency-key')
  if (key === null || key === '') return null
  const hash = createHash('sha256').update(`${method} ${url.href}\n`)
  return { key, fingerprint: hash.update(body.bytes ?? String(body.byteLength)).digest('hex') }
}
