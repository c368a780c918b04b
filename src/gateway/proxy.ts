// The proxy: http-proxy-middleware as transport, with both of its ends held by us.
import { IncomingMessage, ServerResponse, type ClientRequest } from 'node:http'
import { Readable } from 'node:stream'
import { createProxyMiddleware } from 'http-proxy-middleware'
import { GatewayError } from '../errors.ts'
import type { RequestBody } from '../http/body.ts'
import { privateAddressCode, type Agents } from '../http/public-agent.ts'
import type { ConfiguredProvider } from './configured-provider.ts'

export interface ProviderCall {
  method: string
  url: URL
  headers: Record<string, string | string[]>
  body: RequestBody
  provider: ConfiguredProvider
}

export interface RunningCall {
  /** The provider's answer, its body unread. Rejects with a GatewayError when there is none. */
  answer: Promise<IncomingMessage>
  /** Breaks the connection to the provider off. */
  cancel(): void
}

export type Proxy = (req: IncomingMessage, call: ProviderCall) => RunningCall

/**
 * Relays calls. The middleware is given a request and a response of our own, for two reasons: the caller's headers (with its
 * credentials) never come near the outgoing ones, and a caller who leaves does not cut the provider's answer off
 * (httpxy destroys the call when its response closes), so that its usage can still be read.
 */
export function createProxy({ agents, providerTimeoutMs }: { agents: Agents; providerTimeoutMs: number }): Proxy {
  const relay = createProxyMiddleware<OutgoingCall, CallEnd>({
    // Always replaced by the router; the middleware only asks that one is there.
    target: 'https://provider.invalid',
    router: (req, _res, options) => {
      options.agent = req.agent
      options.buffer = req.source
      return req.target
    },
    changeOrigin: true,
    ignorePath: true,
    selfHandleResponse: true,
    // Its default plugins log requests and answer errors by themselves.
    ejectPlugins: true,
    plugins: [
      (server) => {
        server.on('proxyReq', (clientRequest, _req, end) => {
          clientRequest.setTimeout(providerTimeoutMs, () => clientRequest.destroy(new ProviderTimeout()))
          end.connected(clientRequest)
        })
        server.on('proxyRes', (answer, _req, end) => end.answered(answer))
        server.on('error', (error, _req, end) => {
          if (end instanceof CallEnd) end.failed(error)
        })
        server.on('econnreset', (error, _req, end) => end.failed(error))
      },
    ],
  })

  return (req, call) => {
    const outgoing = new OutgoingCall(req, call, agentFor(call, agents))
    const end = new CallEnd(outgoing)
    // A caller who leaves while sending: pipe() does not pass a source's error on, and nobody else listens.
    outgoing.source.on('error', (error) => {
      end.failed(error)
      end.cancel()
    })
    // Its errors come as events, above; the promise only repeats them.
    void relay(outgoing, end, (error) => {
      if (error instanceof Error) end.failed(error)
    })
    return end
  }
}

class ProviderTimeout extends Error {
  override readonly name = 'ProviderTimeout'
}

/** The call as http-proxy-middleware sees it: only what shall go out. */
class OutgoingCall extends IncomingMessage {
  readonly target: URL
  readonly agent: Agents[keyof Omit<Agents, 'destroy'>]
  readonly source: Readable

  constructor(req: IncomingMessage, call: ProviderCall, agent: OutgoingCall['agent']) {
    super(req.socket)
    this.target = call.url
    this.agent = agent
    this.method = call.method
    this.url = '/'
    this.httpVersion = '1.1'
    this.httpVersionMajor = 1
    this.httpVersionMinor = 1
    this.headers = call.headers
    if (call.body.kind === 'stream') this.source = call.body.source
    else this.source = Readable.from(call.body.kind === 'bytes' ? [call.body.bytes] : [], { objectMode: false })
  }
}

/** The caller's end as http-proxy-middleware sees it: closed only when we cancel. */
class CallEnd extends ServerResponse implements RunningCall {
  readonly answer: Promise<IncomingMessage>
  readonly #resolvers = Promise.withResolvers<IncomingMessage>()
  #clientRequest: ClientRequest | undefined
  #cancelled = false

  constructor(req: OutgoingCall) {
    super(req)
    this.answer = this.#resolvers.promise
  }

  connected(clientRequest: ClientRequest): void {
    this.#clientRequest = clientRequest
    if (this.#cancelled) clientRequest.destroy()
  }

  answered(answer: IncomingMessage): void {
    this.#resolvers.resolve(answer)
  }

  /** After an answer this changes nothing: the answer's own end tells of its errors. */
  failed(error: Error): void {
    this.#resolvers.reject(asGatewayError(error))
  }

  cancel(): void {
    this.#cancelled = true
    this.#clientRequest?.destroy()
  }
}

function agentFor(call: ProviderCall, agents: Agents): OutgoingCall['agent'] {
  if (!call.provider.allowPrivate) return agents.public
  return call.url.protocol === 'https:' ? agents.privateHttps : agents.privateHttp
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
