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
}

export interface GuardedRoutes<Request extends IncomingMessage> {
  guard(options: BalanceGuardOptions<Request>): (req: Request, res: ServerResponse) => Promise<GuardedRequest>
  /** `guarded` is what the guard made of this request; without one it is opened here, recorded and billed but not enforced. */
  capture(
    options: UsageCaptureOptions,
  ): (req: Request, res: ServerResponse, guarded: GuardedRequest | undefined) => Promise<GuardedRequest>
}

/** What a step says of the request that it opens. */
interface Opening {
  meter?: string | undefined
  call: Call | null
  provider: ConfiguredProvider | null
}

export function createGuardedRoutes<Request extends IncomingMessage>(
  parts: GuardedRouteParts<Request>,
): GuardedRoutes<Request> {
  const { settings, callers, guard, budgets } = parts

  async function callerOf(req: Request, res: ServerResponse, meter: string | undefined): Promise<Caller> {
    res.setHeader(requestIdHeader, settings.ids())
    return withMeter(await callers.ofCall(req, null), meter)
  }

  /** @param budget what it draws on, and whose payer pays, instead of the caller. */
  async function open(
    req: Request,
    res: ServerResponse,
    { meter, call, provider }: Opening,
    { estimate = null, enforced, budget }: { estimate?: Money | null; enforced: boolean; budget?: OpenBudget | null },
  ): Promise<FollowedRequest> {
    const caller = budget?.payer ?? (await callerOf(req, res, meter))
    const about = { caller, provider, call, endpoint: routeOf(req), metadata: {}, idempotency: null }
    const opened = await guard.admit({ ...about, estimate, enforced, budget: budget?.account ?? budgets.ofRequest(req, caller) })
    if (!budget) res.setHeader(requestIdHeader, opened.request_id)
    return followRoute(parts, res, opened)
  } // prettier-ignore

  async function openBudget(
    req: Request,
    res: ServerResponse,
    { meter, call, provider }: Opening,
    amount: Money,
  ): Promise<BudgetRequest> {
    const caller = await callerOf(req, res, meter)
    const about = { caller, provider, call, endpoint: budgetEndpoint(routeOf(req)), metadata: {} }
    const opened = await budgets.openFor({ ...about, amount, budget: budgets.ofRequest(req, caller) })
    res.setHeader(requestIdHeader, opened.request.request_id)
    return followBudget(parts, res, opened, routeOf(req))
  }

  return {
    guard(given) {
      const { meter, provider: key } = parseOptions(guardSchema, given, 'balanceGuard')
      const provider = key === undefined ? null : requireProvider(key, settings, 'balanceGuard')
      if (meter !== undefined) requireMeter(meter, settings)
      return async (req, res) => {
        const opening = { meter, call: provider && callOf(req, provider, undefined), provider }
        const budget = await amountFor('budget', given.budget, req)
        if (budget !== null) return openBudget(req, res, opening, budget)
        return open(req, res, opening, { estimate: await amountFor('estimate', given.estimate, req), enforced: true })
      }
    },
    capture(given) {
      const { provider: key, endpoint } = parseOptions(captureSchema, given, 'usageCapture')
      const provider = requireProvider(key, settings, 'usageCapture')
      return async (req, res, guarded) => {
        const call = callOf(req, provider, endpoint)
        const budget = guarded?.budget ?? null
        const request =
          guarded?.budget === null
            ? guarded
            : await open(req, res, { call, provider }, { enforced: budget !== null, budget })
        const meter = (head: AnswerHead) => openAnswerMeter({ call, head, provider, ...settings })
        request.capture(tapResponse(res, meter), provider)
        return guarded ?? request
      }
    },
  }
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
