// The metered fetch: a fetch for clients that take one, guarded before the call, its usage read as the answer passes.
import { z } from 'zod'
import { GatewayError } from '../errors.ts'
import { relayFetched } from '../http/fetch-relay.ts'
import { errorResponse } from '../http/respond.ts'
import { customerIdSchema } from '../ledger/customer-id.ts'
import { metadataSchema, type Metadata } from '../ledger/metadata.ts'
import { parseOptions } from '../option.ts'
import type { Call } from '../providers/call.ts'
import type { BalanceGuard } from './balance-guard.ts'
import { requestIdHeader } from './forward.ts'
import { asGatewayError } from './host-error.ts'
import type { Drawable } from './budget.ts'
import { Roster, type Listed } from '../roster.ts'
import type { Caller } from './caller.ts'
import { bodyInit, describeFetch, idempotencyOf, readFetchCall, type Fetch, type FetchCall } from './fetch-call.ts'
import { openAnswerMeter } from './host-usage.ts'
import { measurementOfReading } from './measurement.ts'
import type { OpenRequest } from './open-requests.ts'
import type { Settings } from './options.ts'
import type { Settler } from './settle.ts'
import { bodyAskingForUsage, filterUsageEvent } from './usage-request.ts'

export interface MeteredFetchOptions {
  /** Who pays. */
  customer_id: string
  meter_slug: string
  /** Kept with each record. */
  metadata?: Metadata
  /** What really calls. Default: `globalThis.fetch`, as it stands when a call is made. */
  fetch?: Fetch
}

export type DrawingFetchOptions = Partial<Pick<MeteredFetchOptions, 'meter_slug' | 'metadata' | 'fetch'>>

export interface MeteredFetches {
  /** @throws TypeError when an option is unknown, or names a meter that is not there. */
  open: (options: MeteredFetchOptions) => Fetch
  /**
   * For a payer who is known, drawing on a budget.
   *
   * @throws TypeError as above.
   */
  drawing: (payer: Caller, budget: Drawable, options: DrawingFetchOptions) => Fetch
  /** Breaks off what still runs. */
  cancelAll: () => void
}

export interface MeteredFetchParts {
  settings: Settings<never>
  guard: BalanceGuard
  settler: Settler
  /** Whether new calls are refused. */
  closing: () => boolean
}

type Parts = MeteredFetchParts & { running: Roster<OpenFetch> }

interface OpenFetch extends FetchCall, Listed {
  open: OpenRequest<Call>
  upstream: AbortController
  /** Reads on for the usage when the caller left. */
  draining: { timer: NodeJS.Timeout | undefined }
}

const optionsSchema = z.strictObject({
  customer_id: customerIdSchema,
  meter_slug: z.string(),
  metadata: metadataSchema.optional(),
  fetch: z.custom<Fetch>((value) => typeof value === 'function', 'must be a fetch function').optional(),
})

const drawingSchema = optionsSchema.omit({ customer_id: true }).partial()

/** Stands for the client's own key, which nobody here looks at: the record says `unmanaged`. */
const clientsOwnKey = 'the client’s own'

export function createMeteredFetches(given: MeteredFetchParts): MeteredFetches {
  const parts: Parts = { ...given, running: new Roster() }
  const { meters } = parts.settings
  function checkMeter(slug: string | null | undefined): void {
    if (typeof slug === 'string' && !meters.has(slug))
      throw new TypeError(`lava.fetch: there is no meter \`${slug}\` (${[...meters.keys()].join(', ')}).`)
  }
  return {
    open(options) {
      const { customer_id, meter_slug, metadata = {} } = parseOptions(optionsSchema, options, 'lava.fetch')
      checkMeter(meter_slug)
      const payer = { customer_id, meter_slug, provider_key: clientsOwnKey, billing_disabled: false }
      return fetchFor(parts, { payer, metadata, transport: options.fetch, budget: null })
    },
    drawing(payer, budget, options) {
      const { meter_slug = payer.meter_slug, metadata = {} } = parseOptions(drawingSchema, options, 'budget.fetch')
      checkMeter(meter_slug)
      const paying = { ...payer, meter_slug, provider_key: clientsOwnKey }
      return fetchFor(parts, { payer: paying, metadata, transport: options.fetch, budget })
    },
    cancelAll() {
      for (const { upstream } of parts.running.all()) upstream.abort()
    },
  }
}

interface FetchTerms {
  payer: Caller
  metadata: Metadata
  /** Undefined: the platform's, as it stands when a call is made. */
  transport: Fetch | undefined
  budget: Drawable | null
}

function fetchFor(parts: Parts, { payer, metadata, transport: given, budget }: FetchTerms): Fetch {
  const { settings, guard } = parts
  async function admit(request: FetchCall): Promise<OpenRequest<Call> | Response> {
    const { method, url, provider, call } = request
    try {
      if (parts.closing()) throw new GatewayError('storage_unavailable', 'The gateway is shutting down.')
      return await guard.admit({
        caller: payer,
        provider,
        call,
        endpoint: `${method} ${url.origin}${url.pathname}`,
        metadata,
        idempotency: idempotencyOf(request),
        estimate: null,
        enforced: true,
        budget,
      })
    } catch (error) {
      return errorResponse(asGatewayError(error, settings.logger), { [requestIdHeader]: settings.ids() })
    }
  }

  return async function lavaFetch(input, init): Promise<Response> {
    // Its fields are getters, which no copy has.
    if (init instanceof Request) return lavaFetch(new Request(input, init), undefined)
    const transport = given ?? globalThis.fetch
    const request = await readFetchCall(input, init, transport, settings)
    if (!request) return transport(input, init)
    const { caller } = request
    const open = caller.gone ? await caller.aborted : await admit(request)
    const own = { upstream: new AbortController(), draining: { timer: undefined }, place: -1 }
    if (!(open instanceof Response)) return send(parts, { ...request, open, ...own })
    caller.end()
    request.body.cancel('the call was refused')
    return open
  }
}

async function send(parts: Parts, request: OpenFetch): Promise<Response> {
  const { settler, running } = parts
  const { caller, open } = request
  if (caller.gone) {
    void settler.release(open, { note: 'the caller left before the provider was called', provider_status: null })
    caller.end()
    return caller.aborted
  }
  running.add(request)
  cancelWhenGone(parts, request)
  const answered = call(parts, request)
  return Promise.race([answered, caller.aborted])
}

async function call(parts: Parts, request: OpenFetch): Promise<Response> {
  const { input, init, transport, upstream, provider, call, url, body } = request
  const { bytes } = body
  const asking = bytes && bodyAskingForUsage({ provider, call, url, body: { kind: 'bytes', bytes }, json: body.asked })
  const sent = asking?.kind === 'bytes' ? new Uint8Array(asking.bytes) : body.replacement
  let answer: Response
  try {
    answer = await transport(input, { ...init, ...(sent ? bodyInit(request, sent) : {}), signal: upstream.signal })
  } catch (error) {
    await unanswered(parts, request, error)
    finished(parts, request)
    throw error
  }
  try {
    return relay(parts, request, answer, asking !== null)
  } catch (error) {
    // A transport that answers what is no Response of the platform: whatever it is, no hold stays.
    void parts.settler.release(request.open, {
      note: 'the answer could not be relayed',
      provider_status: answer.status,
    })
    finished(parts, request)
    throw error
  }
}

function relay(parts: Parts, request: OpenFetch, answer: Response, asksForUsage: boolean): Response {
  const { settings, settler } = parts
  const { provider, body, open, caller } = request
  const { status } = answer
  const call = describeFetch(request, body.asSent())
  const head = { status, headers: Object.fromEntries(answer.headers) }
  const meter = openAnswerMeter({ call, head, provider, ...settings })
  // A fetch has unpacked the body already, whatever the header says.
  const unpacked = { status, headers: { ...head.headers, 'content-encoding': 'identity' } }
  const filter = asksForUsage ? filterUsageEvent(unpacked) : null
  const settle = async (complete: boolean): Promise<void> => {
    finished(parts, request)
    const reading = await meter.end(complete)
    if (status >= 400) await settler.release(open, { note: `the provider answered ${status}`, provider_status: status })
    else await settler.settleSoon(open, measurementOfReading(reading, provider, call, status))
  }
  const headers = new Headers(answer.headers)
  headers.set(requestIdHeader, open.request_id)
  if (filter) headers.delete('content-length')
  const relayed = answer.body && relayFetched(answer.body, { caller, tap: (chunk) => meter.write(chunk), filter })
  if (relayed) void relayed.done.then(settle)
  else void settle(true)
  const { statusText, url, redirected } = answer
  const response = new Response(relayed?.body ?? null, { status, statusText, headers })
  // What the platform sets by itself, and clients log.
  return Object.defineProperties(response, { url: { value: url }, redirected: { value: redirected } })
}

async function unanswered({ settler, settings }: Parts, request: OpenFetch, error: unknown): Promise<void> {
  const { caller, body, call, provider, open } = request
  if (caller.gone && body.sentWhole()) {
    // Broken off because the caller left: the provider has the prompt, and may bill it.
    const reading = await openAnswerMeter({ call, head: { status: 200, headers: {} }, provider, ...settings }).end(false)
    void settler.settle(open, measurementOfReading(reading, provider, call, null))
    return
  }
  const cause = error instanceof Error && error.cause instanceof Error ? ` (${error.cause.message})` : ''
  const note = caller.gone ? 'the caller left while sending' : `The provider could not be reached.${cause}`
  void settler.release(open, { note, provider_status: null })
} // prettier-ignore

/** The caller left: the answer is read on for a while for its usage, or broken off at once. */
function cancelWhenGone({ settings }: Parts, { caller, upstream, body, draining }: OpenFetch): void {
  caller.onGone(() => {
    if (settings.onClientAbort === 'cancel' || !body.sentWhole()) upstream.abort()
    else draining.timer = setTimeout(() => upstream.abort(), settings.drainMs)
  })
}

function finished(parts: Parts, request: OpenFetch): void {
  const { draining, caller, body } = request
  clearTimeout(draining.timer)
  if (!body.sentWhole()) body.cancel('the provider reads no further')
  parts.running.delete(request)
  caller.end()
}
