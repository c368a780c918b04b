// A guarded route of the host's: held before the handler, settled once when the answer ends, however it ends.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { z } from 'zod'
import type { RequestRecord } from '../ledger/request-record.ts'
import { formatMoney, isMoneyText, parseMoney, type Money } from '../money.ts'
import { isClosed, wentWhole } from '../http/client-watch.ts'
import { nearestWord, parseOptions } from '../option.ts'
import type { Call } from '../providers/call.ts'
import type { AnswerHead } from '../providers/usage-meter.ts'
import type { BalanceGuard } from './balance-guard.ts'
import type { BudgetOfRequest } from './budget.ts'
import type { Caller, Callers } from './caller.ts'
import type { ConfiguredProvider } from './configured-provider.ts'
import { requestIdHeader } from './forward.ts'
import { openAnswerMeter } from './host-usage.ts'
import type { OpenRequest, OpenRequests } from './open-requests.ts'
import type { Settings } from './options.ts'
import { measurementOfReading, measurementOfReport, type ReportedUsage } from './measurement.ts'
import { callOf } from './route-call.ts'
import type { Settler } from './settle.ts'
import { tapResponse, type ResponseTap } from './usage-capture.ts'

export interface BalanceGuardOptions<Request> {
  /** What one request may cost the customer, in dollars. Default: estimated from the body, where the host has parsed it. */
  estimate?: string | ((req: Request) => string | Promise<string>)
  /** The meter of this route. Default: the gateway's `meter` option, or the forward token's. */
  meter?: string
  /** The provider that the handler will call: helps the estimate. */
  provider?: string
}

export interface UsageCaptureOptions {
  /** Whose answer the handler relays. */
  provider: string
  /** The provider's path, such as `/v1/responses`. Default: the family's usual one, told by the request's body. */
  endpoint?: string
}

/** The open request of a guarded handler: `req.lava`, `ctx.state.lava`. */
export interface LavaRequest {
  readonly request_id: string
  /** What is set aside, as a decimal string. */
  readonly held: string
  /** Settles with this usage, now. Later calls, and the end of the answer, change nothing; they return null. */
  report(usage: ReportedUsage): Promise<RequestRecord | null>
  /** Frees the hold and takes nothing. Null when it was finished before. */
  release(): Promise<RequestRecord | null>
}

export interface GuardedRouteParts<Request extends IncomingMessage> {
  settings: Settings<Request>
  callers: Callers<Request>
  guard: BalanceGuard
  budgetOf: BudgetOfRequest
  settler: Settler
  requests: OpenRequests
}

/** A guarded request as the faces keep it. */
export interface GuardedRequest {
  readonly lava: LavaRequest
  /** Reads the usage out of the answer instead of waiting for a report. */
  capture(tap: ResponseTap, provider: ConfiguredProvider): void
}

export interface GuardedRoutes<Request extends IncomingMessage> {
  guard(options: BalanceGuardOptions<Request>): (req: Request, res: ServerResponse) => Promise<GuardedRequest>
  /** `guarded` is what the guard made of this request; without one it is opened here, recorded and billed but not enforced. */
  capture(
    options: UsageCaptureOptions,
  ): (req: Request, res: ServerResponse, guarded: GuardedRequest | undefined) => Promise<GuardedRequest>
}

type FollowParts = Pick<GuardedRouteParts<IncomingMessage>, 'settler' | 'requests'> & {
  settings: Pick<Settings, 'logger' | 'providers'>
}

const estimateSchema = z.union([
  z
    .string()
    .refine(
      (text) => isMoneyText(text) && !text.startsWith('-'),
      'must be a decimal string of dollars, such as "0.50"',
    ),
  z.custom<(...args: never[]) => unknown>((value) => typeof value === 'function'),
])
const guardSchema = z.strictObject({
  estimate: estimateSchema.optional(),
  meter: z.string().optional(),
  provider: z.string().optional(),
})
const captureSchema = z.strictObject({ provider: z.string(), endpoint: z.string().startsWith('/').optional() })

export function createGuardedRoutes<Request extends IncomingMessage>(
  parts: GuardedRouteParts<Request>,
): GuardedRoutes<Request> {
  const { settings, callers, guard, budgetOf } = parts

  async function open(
    req: Request,
    res: ServerResponse,
    admission: {
      meter: string | undefined
      call: Call | null
      provider: ConfiguredProvider | null
      estimate: Money | null
      enforced: boolean
    },
  ): Promise<GuardedRequest> {
    res.setHeader(requestIdHeader, settings.ids())
    const caller = withMeter(await callers.ofCall(req, null), admission.meter)
    const opened = await guard.admit({
      caller,
      provider: admission.provider,
      call: admission.call,
      endpoint: `${req.method ?? 'GET'} ${pathOf(req)}`,
      metadata: {},
      idempotency: null,
      estimate: admission.estimate,
      enforced: admission.enforced,
      budget: budgetOf(req, caller),
    })
    res.setHeader(requestIdHeader, opened.request_id)
    return followRoute(parts, res, opened)
  }

  return {
    guard(given) {
      const options = parseOptions(guardSchema, given, 'balanceGuard')
      const provider =
        options.provider === undefined ? null : requireProvider(options.provider, settings, 'balanceGuard')
      if (options.meter !== undefined) requireMeter(options.meter, settings)
      return async (req, res) => {
        const call = provider ? callOf(req, provider, undefined) : null
        const estimate = await estimateOf(given.estimate, req)
        return open(req, res, { meter: options.meter, call, provider, estimate, enforced: true })
      }
    },
    capture(given) {
      const options = parseOptions(captureSchema, given, 'usageCapture')
      const provider = requireProvider(options.provider, settings, 'usageCapture')
      return async (req, res, guarded) => {
        const call = callOf(req, provider, options.endpoint)
        const request =
          guarded ?? (await open(req, res, { meter: undefined, call, provider, estimate: null, enforced: false }))
        const meter = (head: AnswerHead) => openAnswerMeter({ call, head, provider, ...settings })
        request.capture(tapResponse(res, meter), provider)
        return request
      }
    },
  }
}

/** Watches the answer of a guarded route and settles its request exactly once. */
function followRoute(parts: FollowParts, res: ServerResponse, open: OpenRequest): GuardedRequest {
  const { settler, settings } = parts
  let captured: { tap: ResponseTap; provider: ConfiguredProvider } | null = null

  async function finish(): Promise<void> {
    const provider_status = res.statusCode
    const meter = captured?.tap.meter()
    if (provider_status >= 400)
      await settler.release(open, { note: `the route answered ${provider_status}`, provider_status })
    else if (captured && meter) {
      const reading = await meter.end(wentWhole(res))
      await settler.settle(open, measurementOfReading(reading, captured.provider, open.call, provider_status))
    } else if (open.meter?.tier_type === 'requests') {
      await settler.settle(open, measurementOfReport({}, settings.providers, provider_status))
    } else {
      const released = await settler.release(open, { note: 'the route ended without a report', provider_status })
      if (released && open.billed)
        settings.logger.warn(
          `lava-gateway: ${open.record.endpoint} ended without a report of its usage; nothing was charged for ${open.request_id}`,
        )
    }
  }

  const close = () => parts.requests.track(finish())
  // The caller may have left while the hold was made; the event does not come again.
  if (isClosed(res)) close()
  else res.once('close', close)
  return {
    lava: {
      request_id: open.request_id,
      held: formatMoney(open.held),
      report: (usage) => settler.settle(open, measurementOfReport(usage, settings.providers, null)),
      release: () => settler.release(open, { note: 'released by the route', provider_status: null }),
    },
    capture(tap, provider) {
      captured = { tap, provider }
    },
  }
}

async function estimateOf<Request extends IncomingMessage>(
  estimate: BalanceGuardOptions<Request>['estimate'],
  req: Request,
): Promise<Money | null> {
  if (estimate === undefined) return null
  const text = typeof estimate === 'string' ? estimate : await estimate(req)
  if (!isMoneyText(text) || text.startsWith('-'))
    throw new TypeError(
      `balanceGuard: \`estimate\` returned ${JSON.stringify(text)}, which is no decimal string of dollars.`,
    )
  return parseMoney(text)
}

function withMeter(caller: Caller, meter: string | undefined): Caller {
  return meter === undefined || caller.customer_id === null ? caller : { ...caller, meter_slug: meter }
}

function requireMeter(slug: string, { meters }: Pick<Settings, 'meters'>): void {
  if (!meters.has(slug))
    throw new TypeError(
      `balanceGuard: option \`meter\` is \`${slug}\`, which is not in \`meters\` (${[...meters.keys()].join(', ')}).`,
    )
}

function requireProvider(key: string, { providers }: Pick<Settings, 'providers'>, owner: string): ConfiguredProvider {
  const provider = providers.find((entry) => entry.key === key)
  if (provider) return provider
  const nearest = nearestWord(
    key,
    providers.map((entry) => entry.key),
  )
  throw new TypeError(
    `${owner}: option \`provider\` is \`${key}\`, which is no provider here${nearest ? `; did you mean \`${nearest}\`?` : ''}`,
  )
}

function pathOf(req: IncomingMessage): string {
  const url = 'originalUrl' in req && typeof req.originalUrl === 'string' ? req.originalUrl : (req.url ?? '/')
  const mark = url.indexOf('?')
  return mark < 0 ? url : url.slice(0, mark)
}
