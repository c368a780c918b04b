// A forwarded call: admitted and under way to its provider, its answer relayed and its usage settled.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { GatewayError } from '../errors.ts'
import type { ClientWatch } from '../http/client-watch.ts'
import { Nowhere, type Answer } from '../http/exchange.ts'
import { connectionHeaders, isEventStream, mayComeBack, withNoTransform } from '../http/headers.ts'
import { Relay } from '../http/relay.ts'
import type { Call } from '../providers/call.ts'
import type { CallBody } from './call-body.ts'
import type { ConfiguredProvider } from './configured-provider.ts'
import { openAnswerMeter } from './host-usage.ts'
import { measurementOfReading } from './measurement.ts'
import type { OpenRequest } from './open-requests.ts'
import type { Settings } from './options.ts'
import type { RunningCall } from './proxy.ts'
import type { Settler } from './settle.ts'
import { filterUsageEvent } from './usage-request.ts'

export interface ForwardedParts {
  settings: Pick<Settings, 'onClientAbort' | 'drainMs' | 'logger' | 'inspectBytesMax'>
  settler: Settler
}

export interface Terms {
  /** With the merchant's key. */
  managed: boolean
  /** The usage event of the answer was not asked for by the caller. */
  asksForUsage: boolean
}

/** One of them. Its answer, its caller's leaving and the failure of both end here. */
export class ForwardedCall {
  readonly #parts: ForwardedParts
  readonly #req: IncomingMessage
  readonly #res: ServerResponse
  readonly #client: ClientWatch
  readonly #provider: ConfiguredProvider
  readonly #open: OpenRequest<Call>
  #draining: NodeJS.Timeout | undefined

  constructor(
    parts: ForwardedParts,
    req: IncomingMessage,
    res: ServerResponse,
    client: ClientWatch,
    provider: ConfiguredProvider,
    open: OpenRequest<Call>,
  ) {
    this.#parts = parts
    this.#req = req
    this.#res = res
    this.#client = client
    this.#provider = provider
    this.#open = open
  }

  /**
   * Resolves when the answer is given, or nobody is left to be told; its settlement is then on its way.
   *
   * @throws GatewayError that the caller has to be told.
   */
  async relay(running: RunningCall, read: CallBody, terms: Terms): Promise<void> {
    this.#cancelWhenGone(running, read)
    // A call whose hold the disk does not take is broken off, however far it has come.
    this.#open.unsecured?.catch(() => running.cancel())
    try {
      await this.#answer(running, read, terms)
    } finally {
      clearTimeout(this.#draining)
    }
  }

  async #answer(running: RunningCall, read: CallBody, { managed, asksForUsage }: Terms): Promise<void> {
    const { settings, settler } = this.#parts
    try {
      await running.begun
    } catch (error) {
      await this.#secured()
      await this.#unanswered(running, read, error)
      return
    }
    if (this.#open.unsecured) await this.#secured()
    const { status, headers } = running
    if (managed && isAboutOurKey(status)) throw this.#refusedKey(running)
    const call = read.asSent()
    const meter = openAnswerMeter({ call, head: { status, headers }, provider: this.#provider, ...settings })
    const filter = asksForUsage ? filterUsageEvent(running) : null
    this.#writeHead(running, filter !== null)
    const complete = await new Relay(running, this.#res, this.#client, meter, filter).done
    const ended = meter.end(complete)
    const reading = ended instanceof Promise ? await ended : ended
    // The settler follows it to its end: nothing of the call needs to be kept for it.
    if (status >= 400) this.#release(`the provider answered ${status}`, status)
    else void settler.settleSoon(this.#open, measurementOfReading(reading, this.#provider, call, status))
  }

  /** Nothing of an answer goes out before its hold is as safe as it shall be. */
  async #secured(): Promise<void> {
    try {
      await this.#open.unsecured
    } catch (error) {
      this.#release('its hold could not be brought to the disk', null)
      throw error
    }
  }

  #writeHead(running: RunningCall, filtered: boolean): void {
    if (this.#client.gone) return
    try {
      writeHead(this.#res, running, filtered)
    } catch (error) {
      // The host has sent a head of its own: nobody will read the answer.
      running.cancel()
      throw error
    }
  }

  #release(note: string, provider_status: number | null): void {
    void this.#parts.settler.release(this.#open, { note, provider_status })
  }

  /** The caller left: the answer is read on for a while for its usage, or broken off at once. */
  #cancelWhenGone(running: RunningCall, { body }: CallBody): void {
    const { onClientAbort, drainMs } = this.#parts.settings
    this.#client.onGone(() => {
      const cutWhileSending = body.kind === 'stream' && !this.#req.complete
      if (onClientAbort === 'cancel' || cutWhileSending) running.cancel()
      else this.#draining = setTimeout(() => running.cancel(), drainMs)
    })
  }

  /** No answer came. */
  async #unanswered(running: RunningCall, { body, call }: CallBody, error: unknown): Promise<void> {
    clearTimeout(this.#draining)
    if (!(error instanceof GatewayError)) throw error
    const { settings, settler } = this.#parts
    const { gone } = this.#client
    const sentWhole = body.kind !== 'stream' || this.#req.complete
    if (gone && sentWhole && running.isSent) {
      // The call was broken off because the caller left: the provider has the prompt, and may bill it.
      const head = { status: 200, headers: {} }
      const reading = await openAnswerMeter({ call, head, provider: this.#provider, ...settings }).end(false)
      await settler.settle(this.#open, measurementOfReading(reading, this.#provider, call, null))
      return
    }
    const cause = error.cause instanceof Error ? ` (${error.cause.message})` : ''
    this.#release(gone ? 'the caller left while sending' : `${error.message}${cause}`, null)
    if (!gone) throw error
  }

  /** A 401, 402 or 403 to the merchant's own key is no business of the caller: a 402 always means the caller's balance (design 5.5). */
  #refusedKey(answer: RunningCall): GatewayError {
    answer.readTo(new Nowhere(answer))
    const { key } = this.#provider
    const note = `the provider refused the merchant's key with ${answer.status}`
    this.#parts.settings.logger.error(`lava-gateway: ${key}: ${note} (${this.#open.request_id})`)
    this.#release(note, answer.status)
    return new GatewayError('provider_unavailable', `The provider ${key} refused the gateway’s own account.`)
  }
}

function isAboutOurKey(status: number): boolean {
  return status === 401 || status === 402 || status === 403
}

function writeHead(res: ServerResponse, { status, headers }: Answer, filtered: boolean): void {
  const isStream = isEventStream(headers)
  const named = connectionHeaders(headers)
  for (const name in headers) {
    const value = headers[name]
    if (value === undefined || !mayComeBack(name, named) || (filtered && name === 'content-length')) continue
    res.setHeader(name, value)
  }
  res.statusCode = status
  if (!isStream) return
  res.setHeader('cache-control', withNoTransform(headers['cache-control']))
  // A stream's first event may be seconds away; its headers need not wait for it, unless it is here already.
  setImmediate(flushHead, res)
}

function flushHead(res: ServerResponse): void {
  if (!res.headersSent && !res.destroyed) res.flushHeaders()
}
