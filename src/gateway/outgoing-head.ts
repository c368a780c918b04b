// The head of a call to a provider: the key it is made with, and what of the caller's headers goes with it.
import type { IncomingHttpHeaders } from 'node:http'
import { GatewayError } from '../errors.ts'
import { isUnpacked, type RequestBody } from '../http/body.ts'
import { connectionHeaders, mayGoOut, readablePackings } from '../http/headers.ts'
import type { Caller } from './caller.ts'
import type { ConfiguredProvider } from './configured-provider.ts'

/** @throws GatewayError `provider_unavailable` when the merchant set no key and the caller brought none. */
export function providerKey(provider: ConfiguredProvider, caller: Caller): string | null {
  const key = caller.provider_key ?? provider.apiKey
  if (key !== null || provider.auth === null) return key
  const [variable] = provider.apiKeyVariables
  const mend =
    variable === undefined
      ? `set providers.${provider.key}.apiKey`
      : `set ${variable} or providers.${provider.key}.apiKey`
  throw new GatewayError(
    'provider_unavailable',
    `The gateway has no key for ${provider.key}: ${mend}, or send one as provider_key in the forward token.`,
  )
}

/** What of a call decides its head. */
export interface OutgoingCall {
  provider: ConfiguredProvider
  key: string | null
  body: RequestBody
  /** Nothing can be taken out of a packed answer. */
  unpacked: boolean
}

/** Names and values in turn. undici writes how the body is framed; only a stream's declared length it can't know. */
export function outgoingHeaders(
  headers: IncomingHttpHeaders,
  { provider, key, body, unpacked }: OutgoingCall,
): string[] {
  const out: string[] = []
  const named = connectionHeaders(headers)
  for (const name in headers) {
    const value = headers[name]
    if (value === undefined || !mayGoOut(name, named)) continue
    if (name === 'content-length' && body.kind !== 'stream') continue
    if (name === 'content-encoding' && isUnpacked(body)) continue
    if (name === 'accept-encoding') out.push(name, unpacked ? 'identity' : readablePackings(String(value)))
    else if (name === provider.auth?.header && key !== null) continue
    else if (typeof value === 'string') out.push(name, value)
    else for (const each of value) out.push(name, each)
  }
  if (unpacked && headers['accept-encoding'] === undefined) out.push('accept-encoding', 'identity')
  if (provider.auth && key !== null) out.push(provider.auth.header, `${provider.auth.prefix}${key}`)
  return out
}
