// Forward: one relayed call from the caller to the provider and back, its usage read as it passes.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { GatewayError } from '../errors.ts'
import { ClientWatch } from '../http/client-watch.ts'
import { nowhere, type Answer } from '../http/exchange.ts'
import { connectionHeaders, isEventStream, mayComeBack, withNoTransform } from '../http/headers.ts'
import { relayAnswer } from '../http/relay.ts'
import type { Call } from '../providers/call.ts'
import type { BalanceGuard } from './balance-guard.ts'
import type { BudgetOfRequest } from './budget.ts'
import { readCallBody, type CallBody } from './call-body.ts'
import type { Callers } from './caller.ts'
import type { ConfiguredProvider } from './configured-provider.ts'
import type { ForwardQuery } from './forward-query.ts'
import { openAnswerMeter } from './host-usage.ts'
import { idempotencyOf } from './idempotency.ts'
import { measurementOfReading } from './measurement.ts'
import type { OpenRequest } from './open-requests.ts'
import type { Settings } from './options.ts'
import { outgoingHeaders, providerKey } from './outgoing-head.ts'
import type { ProviderCall, Proxy, RunningCall } from './proxy.ts'
import { readRequestMetadata } from './request-metadata.ts'
import type { Settler } from './settle.ts'
import { createTargets } from './target.ts'
import { bodyAskingForUsage, filterUsageEvent } from './usage-request.ts'

export interface ForwardParts<Request extends IncomingMessage> {
  settings: Settings<Request>
  callers: Callers<Request>
  guard: BalanceGuard
  budgetOf: BudgetOfRequest
  proxy: Proxy
  settler: Settler
}

type RelayParts = Pick<ForwardParts<IncomingMessage>, 'proxy' | 'settler'> & {
  settings: DrainSettings & Pick<Settings, 'logger' | 'inspectBytesMax'>
}
type DrainSettings = Pick<Settings, 'onClientAbort' | 'drainMs'>

export type Forward<Request extends IncomingMessage> = (
  req: Request,
  res: ServerResponse,
  asked: { request_id: string; query: ForwardQuery },
) => Promise<void>

export const requestIdHeader = 'x-lava-request-id'

/**
 * @returns a function that resolves when the call is answered, its settlement on its way, and rejects with a GatewayError when the caller has to be told one.
 */
export function createForward<Request extends IncomingMessage>(parts: ForwardParts<Request>): Forward<Request> {
  const { settings, callers, guard, budgetOf, settler } = parts
  const { inspectBytesMax } = settings
  const targets = createTargets(settings.providers)
  return async function forward(req, res, { request_id, query }) {
    const client = new ClientWatch(res)
    const calling = callers.ofCall(req, query.key)
    const caller = calling instanceof Promise ? await calling : calling
    if (query.target === null)
      throw new GatewayError('invalid_request', 'The target is missing: add ?u=<provider url>.')
    const method = req.method ?? 'GET'
    const { provider, url, origin, path, endpoint, address } = targets(method, query.target, query.provider)
    const metadata = readRequestMetadata(req.headers, query.metadata)
    const key = providerKey(provider, caller)
    const { body, asked, call, asSent } = await readCallBody(req, { address, provider, inspectBytesMax })
    const open = await guard.admit({
      request_id,
      caller,
      provider,
      call,
      endpoint,
      metadata,
      idempotency: idempotencyOf(req, method, url, body),
      estimate: null,
      enforced: true,
      budget: budgetOf(req, caller),
    })
    if (open.request_id !== request_id) res.setHeader(requestIdHeader, open.request_id)
    if (client.gone) {
      await settler.release(open, {
        note: 'the caller left before the provider was called',
        provider_status: null,
      })
      return
    }
    const asking = bodyAskingForUsage({ provider, call, url, body, json: asked })
    const sent = asking ?? body
    const headers = outgoingHeaders(req.headers, { provider, key, body: sent, unpacked: asking !== null })
    const outgoing = { method, origin, path, headers, body: sent, provider }
    const managed = caller.provider_key === null
    try {
      await relay(parts, { req, res, client, open, outgoing, managed, asSent, asksForUsage: asking !== null })
    } catch (error) {
      // Whatever went wrong, no hold stays; where the request is finished already, this changes nothing.
      void settler.release(open, { note: 'the gateway could not relay the call', provider_status: null })
      throw error
    } finally {
      client.end()
    }
  }
}

interface Relayed {
  req: IncomingMessage
  res: ServerResponse
  client: ClientWatch
  open: OpenRequest<Call>
  outgoing: ProviderCall & { provider: ConfiguredProvider }
  managed: boolean
  asSent: CallBody['asSent']
  /** The usage event of the answer was not asked for by the caller. */
  asksForUsage: boolean
}

async function relay(parts: RelayParts, relayed: Relayed): Promise<void> {
  const { settings, settler } = parts
  const { res, client, open, outgoing } = relayed
  const running = parts.proxy(outgoing)
  const draining = cancelWhenGone(relayed, running, settings)
  let answer: Answer
  try {
    answer = await running.answer
  } catch (error) {
    await unanswered(parts, relayed, error)
    return
  }
  const provider_status = answer.status
  if (relayed.managed && isAboutOurKey(provider_status)) throw refusedKey(parts, relayed, answer, provider_status)
  const call = relayed.asSent()
  const meter = openAnswerMeter({
    call,
    head: { status: provider_status, headers: answer.headers },
    provider: outgoing.provider,
    ...settings,
  })
  const filter = relayed.asksForUsage ? filterUsageEvent(answer) : null
  if (!client.gone) writeHead(res, answer, filter !== null)
  const complete = await relayAnswer(answer, res, { client, tap: (chunk) => meter.write(chunk), filter })
  clearTimeout(draining.timer)
  const ended = meter.end(complete)
  const reading = ended instanceof Promise ? await ended : ended
  // The settler follows it to its end: nothing of the call needs to be kept for it.
  if (provider_status >= 400)
    void settler.release(open, { note: `the provider answered ${provider_status}`, provider_status })
  else void settler.settleSoon(open, measurementOfReading(reading, open.provider, call, provider_status))
}

/** No answer came. Resolves when nobody is left to be told. */
async function unanswered(
  { settler, settings }: RelayParts,
  { req, client, open, outgoing }: Relayed,
  error: unknown,
): Promise<void> {
  if (!(error instanceof GatewayError)) throw error
  const sentWhole = outgoing.body.kind !== 'stream' || req.complete
  if (client.gone && sentWhole) {
    // The call was broken off because the caller left: the provider has the prompt, and may bill it.
    const head = { status: 200, headers: {} }
    const meter = openAnswerMeter({ call: open.call, head, provider: outgoing.provider, ...settings })
    const reading = await meter.end(false)
    await settler.settle(open, measurementOfReading(reading, open.provider, open.call, null))
    return
  }
  const cause = error.cause instanceof Error ? ` (${error.cause.message})` : ''
  const note = client.gone ? 'the caller left while sending' : `${error.message}${cause}`
  void settler.release(open, { note, provider_status: null })
  if (!client.gone) throw error
}

/** A 401, 402 or 403 to the merchant's own key is no business of the caller: a 402 always means the caller's balance (design 5.5). */
function refusedKey(
  { settings, settler }: RelayParts,
  { open, outgoing }: Relayed,
  answer: Answer,
  provider_status: number,
): GatewayError {
  answer.readTo(nowhere)
  const note = `the provider refused the merchant's key with ${provider_status}`
  settings.logger.error(`lava-gateway: ${outgoing.provider.key}: ${note} (${open.request_id})`)
  void settler.release(open, { note, provider_status })
  return new GatewayError(
    'provider_unavailable',
    `The provider ${outgoing.provider.key} refused the gateway’s own account.`,
  )
}

function isAboutOurKey(status: number): boolean {
  return status === 401 || status === 402 || status === 403
}

/** The caller left: the answer is read on for a while for its usage, or broken off at once. */
function cancelWhenGone(
  { req, client, outgoing }: Relayed,
  running: RunningCall,
  settings: DrainSettings,
): { timer: NodeJS.Timeout | undefined } {
  const draining: { timer: NodeJS.Timeout | undefined } = { timer: undefined }
  client.onGone(() => {
    const cutWhileSending = outgoing.body.kind === 'stream' && !req.complete
    if (settings.onClientAbort === 'cancel' || cutWhileSending) running.cancel()
    else draining.timer = setTimeout(() => running.cancel(), settings.drainMs)
  })
  return draining
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
