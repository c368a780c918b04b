// A guarded route of the host's: held before the handler, settled once when the answer ends, however it ends.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Money } from '../money.ts'
import { parseOptions } from '../option.ts'
import type { Call } from '../providers/call.ts'
import type { AnswerHead } from '../providers/usage-meter.ts'
import type { BalanceGuard } from './balance-guard.ts'
import { budgetEndpoint } from './budget.ts'
import { followBudget } from './budget-route.ts'
import type { Budgets } from './budgets.ts'
import type { Caller, Callers } from './caller.ts'
import type { ConfiguredProvider } from './configured-provider.ts'
import { followRoute } from './followed-route.ts'
import { requestIdHeader } from './forward.ts'
import {
  amountFor,
  captureSchema,
  guardSchema,
  requireMeter,
  requireProvider,
  type BalanceGuardOptions,
  type UsageCaptureOptions,
} from './guard-options.ts'
import type { Holding } from './holding.ts'
import { openAnswerMeter } from './host-usage.ts'
import type { BudgetRequest, FollowedRequest, GuardedRequest } from './lava-request.ts'
import type { OpenBudget } from './open-budget.ts'
import type { OpenRequests } from './open-requests.ts'
import type { Settings } from './options.ts'
import { callOf } from './route-call.ts'
import type { Settler } from './settle.ts'
import type { TokenAllowances } from './token-allowance.ts'
import { tapResponse } from './usage-capture.ts'

export type { BalanceGuardOptions, UsageCaptureOptions } from './guard-options.ts'
export type { GuardedRequest, LavaRequest } from './lava-request.ts'

export interface GuardedRouteParts<Request extends IncomingMessage> {
  settings: Settings<Request>
  callers: Callers<Request>
  guard: BalanceGuard
  budgets: Budgets
  holding: Holding
  settler: Settler
  requests: OpenRequests
  allowances: TokenAllowances
}

export interface GuardedRoutes<Request extends IncomingMessage> {
  /** Behind a guard it takes that one's place, behind one with a budget it draws on that: nothing is held or charged twice. */
  guard(options: BalanceGuardOptions<Request>): RouteStep<Request>
  /** Without a guard before it, the request is opened here, recorded and billed but not enforced. */
  capture(options: UsageCaptureOptions): RouteStep<Request>
}

/** `before` is what a step before it made of the request. */
export type RouteStep<Request> = (
  req: Request,
  res: ServerResponse,
  before: GuardedRequest | undefined,
) => Promise<GuardedRequest>

/** What a step says of the request that it opens. */
interface Opening {
  meter?: string | undefined
  call: Call | null
  provider: ConfiguredProvider | null
  /** What a guard before it opened: it draws on that. */
  budget: OpenBudget | null
}

export function createGuardedRoutes<Request extends IncomingMessage>(
  parts: GuardedRouteParts<Request>,
): GuardedRoutes<Request> {
  const { settings } = parts
  const { open, openBudget } = openersFor(parts)

  return {
    guard(given) {
      const { meter, provider: key } = parseOptions(guardSchema, given, 'balanceGuard')
      const provider = key === undefined ? null : requireProvider(key, settings, 'balanceGuard')
      if (meter !== undefined) requireMeter(meter, settings)
      return async (req, res, before) => {
        const call = provider && callOf(req, provider, undefined)
        const opening = { meter, call, provider, budget: before?.budget ?? null }
        const amount = await amountFor('budget', given.budget, req)
        const estimate = await amountFor('estimate', given.estimate, req)
        const captured = (await followedOf(before)?.giveWay()) ?? null
        if (amount !== null) return openBudget(req, res, opening, amount)
        const request = await open(req, res, opening, { estimate, enforced: true })
        if (captured) request.capture(captured)
        return request
      }
    },
    capture(given) {
      const { provider: key, endpoint } = parseOptions(captureSchema, given, 'usageCapture')
      const provider = requireProvider(key, settings, 'usageCapture')
      return async (req, res, before) => {
        const call = callOf(req, provider, endpoint)
        const budget = before?.budget ?? null
        const enforced = budget !== null
        const request = followedOf(before) ?? (await open(req, res, { call, provider, budget }, { enforced }))
        const meter = (head: AnswerHead) => openAnswerMeter({ call, head, provider, ...settings })
        request.capture({ tap: tapResponse(res, meter), provider })
        return before?.budget ? { ...before, capturing: request } : request
      }
    },
  }
}

/** What opens the request of a route, or its budget. */
function openersFor<Request extends IncomingMessage>(parts: GuardedRouteParts<Request>) {
  const { settings, callers, guard, budgets } = parts

  /** @param budget whose payer pays, instead of the caller. */
  async function callerOf(req: Request, res: ServerResponse, { meter, budget }: Opening): Promise<Caller> {
    if (budget) return withMeter(budget.payer, meter)
    res.setHeader(requestIdHeader, settings.ids())
    return withMeter(await callers.ofCall(req, null), meter)
  }

  const accountFor = (req: Request, caller: Caller, { budget }: Opening) =>
    budget?.account ?? budgets.ofRequest(req, caller)

  async function open(
    req: Request,
    res: ServerResponse,
    opening: Opening,
    { estimate = null, enforced }: { estimate?: Money | null; enforced: boolean },
  ): Promise<FollowedRequest> {
    const caller = await callerOf(req, res, opening)
    const { provider, call } = opening
    const about = { caller, provider, call, endpoint: routeOf(req), metadata: {}, idempotency: null }
    const opened = await guard.admit({ ...about, estimate, enforced, budget: accountFor(req, caller, opening) })
    if (!opening.budget) res.setHeader(requestIdHeader, opened.request_id)
    return followRoute(parts, res, opened)
  }

  async function openBudget(
    req: Request,
    res: ServerResponse,
    opening: Opening,
    amount: Money,
  ): Promise<BudgetRequest> {
    const caller = await callerOf(req, res, opening)
    const { provider, call } = opening
    const about = { caller, provider, call, endpoint: budgetEndpoint(routeOf(req)), metadata: {} }
    const opened = await budgets.openFor({ ...about, amount, budget: accountFor(req, caller, opening) })
    if (!opening.budget) res.setHeader(requestIdHeader, opened.request.request_id)
    return followBudget(parts, res, opened, routeOf(req))
  }

  return { open, openBudget }
}

/** What is settled by this very answer. */
function followedOf(before: GuardedRequest | undefined): FollowedRequest | null {
  return before?.budget ? before.capturing : (before ?? null)
}

function withMeter(caller: Caller, meter: string | undefined): Caller {
  return meter === undefined || caller.customer_id === null ? caller : { ...caller, meter_slug: meter }
}

/** `POST /agents/run`, without the query. */
function routeOf(req: IncomingMessage): string {
  const url = 'originalUrl' in req && typeof req.originalUrl === 'string' ? req.originalUrl : (req.url ?? '/')
  const mark = url.indexOf('?')
  return `${req.method ?? 'GET'} ${mark < 0 ? url : url.slice(0, mark)}`
}
