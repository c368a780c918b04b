// The proxy: one call to a provider over a kept connection, its answer handed back as it begins.
import http, { type ClientRequest, type IncomingMessage } from 'node:http'
import https from 'node:https'
import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { GatewayError } from '../errors.ts'
import type { RequestBody } from '../http/body.ts'
import { privateAddressCode, type Agents } from '../http/public-agent.ts'
import type { ConfiguredProvider } from './configured-provider.ts'

export interface ProviderCall {
  method: string
  url: Readonly<URL>
  /** They say how the body is framed: by `content-length` or `transfer-encoding`. */
  headers: Record<string, string | string[]>
  body: RequestBody
  provider: Pick<ConfiguredProvider, 'allowPrivate'>
}

export interface RunningCall {
  /** The provider's answer, its body unread. Rejects with a GatewayError when there is none. */
  answer: Promise<IncomingMessage>
  /** Breaks the connection to the provider off. */
  cancel(): void
}

export type Proxy = (call: ProviderCall) => RunningCall

interface ProxyParts {
  /** Made with the same time limit: a socket's timer is then set once, not by every call on it. */
  agents: Agents
  providerTimeoutMs: number
}

/**
 * Relays calls with Node's own client. Neither the caller's request nor its response is near it: so no header of the caller's
 * gets out unseen, and a caller who leaves does not cut the answer off, whose usage can still be read. No redirect is followed.
 */
export function createProxy({ agents, providerTimeoutMs }: ProxyParts): Proxy {
  const limit = (socket: Socket) => {
    // A socket that was kept has the time limit of its provider's `keep-alive: timeout=5`, which is for idle ones.
    if (socket.timeout !== providerTimeoutMs) socket.setTimeout(providerTimeoutMs)
  }
  return function proxy({ method, url, headers, body, provider }) {
    let isAnswered = false
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    const isSecure = url.protocol === 'https:'
    const options: http.RequestOptions = {
      agent: agentFor(provider, isSecure, agents),
      method,
      // A URL writes an IPv6 address in brackets, a socket takes it without.
      host: url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname,
      port: url.port === '' ? (isSecure ? 443 : 80) : url.port,
      path: `${url.pathname}${url.search}`,
      headers: headerLines(url.host, headers),
      timeout: providerTimeoutMs,
    }
    const outgoing = isSecure ? https.request(options) : http.request(options)
    outgoing.on('socket', limit)
    outgoing.on('timeout', () => outgoing.destroy(new ProviderTimeout()))
    // After an answer this changes nothing: the answer's own end tells of its errors.
    outgoing.on('error', (error) => reject(asGatewayError(error)))
    // After an answer that nobody can read, such as 101, no error comes.
    outgoing.on('close', () => {
      if (!isAnswered) reject(asGatewayError(new Error('the connection was closed without an answer')))
    })
    outgoing.on('response', (answer) => {
      const { statusCode = 0 } = answer
      if (statusCode < 200) {
        outgoing.destroy(new Error(`the answer has the status ${statusCode}`))
        return
      }
      isAnswered = true
      if (body.kind === 'stream' && !outgoing.writableFinished) letGo(body.source, outgoing, answer)
      resolve(answer)
    })
    if (body.kind === 'stream') send(body.source, outgoing)
    else outgoing.end(body.kind === 'bytes' ? body.bytes : undefined)
    return { answer: promise, cancel: () => void outgoing.destroy() }
  }
}

/** Names and values in turn, which Node writes as they are; it adds `connection`. How the body is framed they must say. */
function headerLines(host: string, headers: ProviderCall['headers']): string[] {
  const lines = ['host', host]
  for (const name in headers) {
    const value = headers[name]
    if (typeof value === 'string') lines.push(name, value)
    else for (const each of value ?? []) lines.push(name, each)
  }
  return lines
}

class ProviderTimeout extends Error {
  override readonly name = 'ProviderTimeout'
}

function send(source: Readable, outgoing: ClientRequest): void {
  // A caller who leaves while sending: pipe() does not pass a source's error on, and nobody else listens.
  source.on('error', (error) => outgoing.destroy(error))
  source.pipe(outgoing)
}

/**
 * A provider may answer before it has all of an upload (a 413, say). What the caller still sends then goes nowhere, and is read
 * on, so that the caller gets to the answer; the connection can't be used again.
 */
function letGo(source: Readable, outgoing: ClientRequest, answer: IncomingMessage): void {
  const drain = () => {
    if (outgoing.writableFinished) return
    source.unpipe(outgoing)
    source.resume()
  }
  answer.once('end', drain)
  answer.once('close', () => {
    drain()
    if (!outgoing.writableFinished) outgoing.destroy()
  })
}

function agentFor({ allowPrivate }: ProviderCall['provider'], isSecure: boolean, agents: Agents): http.Agent {
  if (!allowPrivate) return agents.public
  return isSecure ? agents.privateHttps : agents.privateHttp
}

function asGatewayError(error: Error): GatewayError {
  if (error instanceof ProviderTimeout)
    return new GatewayError('provider_timeout', 'The provider did not answer in time.', {}, { cause: error })
  if ('code' in error && error.code === privateAddressCode)
    return new GatewayError(
      'target_not_allowed',
      'The target is not allowed: its name leads to a private address.',
      {},
      { cause: error },
    )
  return new GatewayError('provider_unavailable', 'The provider could not be reached.', {}, { cause: error })
}
