// The proxy: one call to a provider over a kept connection, its answer handed back as it begins.
import { PassThrough, type Readable } from 'node:stream'
import { errors } from 'undici'
import { GatewayError } from '../errors.ts'
import type { RequestBody } from '../http/body.ts'
import { Exchange, type Answer } from '../http/exchange.ts'
import { privateAddressCode, type Agents } from '../http/public-agent.ts'

export interface ProviderCall {
  method: string
  /** Scheme, host and port. */
  origin: string
  /** With its query. */
  path: string
  /** Names and values in turn. Of how the body is framed only a stream's `content-length`, where it is known. */
  headers: string[]
  body: RequestBody
  /** Whether it may go to a private address. */
  allowPrivate: boolean
}

/** The provider's answer, once it has begun. */
export interface RunningCall extends Answer {
  /** Rejects with a GatewayError when there is no answer. */
  readonly begun: Promise<void>
  /** Whether any of the call may have reached the provider. */
  readonly isSent: boolean
  /** Breaks the connection to the provider off. */
  cancel(): void
}

export type Proxy = (call: ProviderCall) => RunningCall

/**
 * Relays calls with undici, the client behind Node's fetch. Neither the caller's request nor its response is near it: so no header of the
 * caller's gets out unseen, and a caller who leaves does not cut the answer off, whose usage can still be read. No redirect is
 * followed, nothing is tried twice.
 */
export function createProxy(agents: Agents, silentMsMax: number): Proxy {
  return function proxy({ method, origin, path, headers, body, allowPrivate }) {
    const exchange = new Exchange(silentMsMax, asGatewayError)
    const agent = allowPrivate ? agents.private : agents.public
    agent.dispatch({ method, origin, path, headers, body: contentOf(body, silentMsMax) }, exchange)
    return exchange
  }
}

function contentOf(body: RequestBody, silentMsMax: number): Buffer | Readable | null {
  if (body.kind === 'bytes') return body.bytes
  return body.kind === 'stream' ? passing(body.source, silentMsMax) : null
}

/**
 * A caller's body on its way. undici destroys what it can't send to its end, but a provider may answer before it has all of an
 * upload (a 413, say): what the caller still sends then goes nowhere, and is read on, so that the caller gets to the answer.
 */
function passing(source: Readable, silentMsMax: number): Readable {
  const passed = new PassThrough()
  // undici counts no time while a body is being sent.
  const silence = setTimeout(() => passed.destroy(new UploadTimeout()), silentMsMax)
  source.on('data', () => silence.refresh())
  // Told by the exchange, where it is not over yet.
  passed.on('error', () => undefined)
  // A caller who leaves while sending: pipe() does not pass that on.
  const cut = () => {
    if (!source.readableEnded) passed.destroy(new Error('the caller left while sending'))
  }
  source.on('error', cut)
  source.on('close', cut)
  passed.on('close', () => {
    clearTimeout(silence)
    source.unpipe(passed)
    source.resume()
  })
  return source.pipe(passed)
}

class UploadTimeout extends Error {
  override readonly name = 'UploadTimeout'
}

function asGatewayError(cause: Error): GatewayError {
  const isTooSlow =
    cause instanceof UploadTimeout ||
    cause instanceof errors.HeadersTimeoutError ||
    cause instanceof errors.BodyTimeoutError ||
    cause instanceof errors.ConnectTimeoutError
  if (isTooSlow) return new GatewayError('provider_timeout', 'The provider did not answer in time.', {}, { cause })
  if ('code' in cause && cause.code === privateAddressCode)
    return new GatewayError(
      'target_not_allowed',
      'The target is not allowed: its name leads to a private address.',
      {},
      { cause },
    )
  return new GatewayError('provider_unavailable', 'The provider could not be reached.', {}, { cause })
}
