// The head of a call to a provider: the key it is made with, and what of the caller's headers goes with it.
import type { IncomingHttpHeaders } from 'node:http'
import { GatewayError } from '../errors.ts'
import { isUnpacked, type RequestBody } from '../http/body.ts'
import { headersOut } from '../http/headers.ts'
import type { Caller } from './caller.ts'
import type { ConfiguredProvider } from './configured-provider.ts'
import type { ProviderCall } from './proxy.ts'

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

export function outgoingHeaders(
  headers: IncomingHttpHeaders,
  provider: ConfiguredProvider,
  key: string | null,
  { method, body }: Pick<ProviderCall, 'method' | 'body'>,
): ProviderCall['headers'] {
  const out = headersOut(headers)
  if (out['content-encoding'] !== undefined && isUnpacked(body)) delete out['content-encoding']
  if (provider.auth && key !== null) out[provider.auth.header] = `${provider.auth.prefix}${key}`
  frame(out, method, body)
  return out
}

/** Without a body they need no length; some providers answer 411 to the others without one. */
const bodiless: ReadonlySet<string> = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE'])

/** Never left to Node: it sends a GET's or DELETE's body of no length unframed, and the provider would read it as the next call. */
function frame(out: ProviderCall['headers'], method: string, body: RequestBody): void {
  if (body.kind === 'bytes') out['content-length'] = String(body.bytes.length)
  else if (body.kind === 'stream') {
    if (out['content-length'] === undefined) out['transfer-encoding'] = 'chunked'
  } else if (bodiless.has(method)) delete out['content-length']
  else out['content-length'] = '0'
}
