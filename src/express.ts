// The Express face: the same gateway as middleware for Express 4 and 5.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type express from 'express'
import { respondError } from './http/respond.ts'
import { createGateway, type LavaMembers } from './gateway/gateway.ts'
import type {
  BalanceGuardOptions,
  GuardedRequest,
  LavaRequest,
  RouteStep,
  UsageCaptureOptions,
} from './gateway/guarded-route.ts'
import { settingsFrom, type LavaOptions } from './gateway/options.ts'
import { sqliteStorage } from './storage/sqlite.ts'

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace -- Express's own way to add to its request
  namespace Express {
    interface Request {
      /** The open request, behind `lava.balanceGuard()` or `lava.usageCapture()`. */
      lava?: LavaRequest
    }
  }
}

export type Next = (error?: unknown) => void
export type ExpressMiddleware<Request extends IncomingMessage> = (req: Request, res: ServerResponse, next: Next) => void

/** Middleware with members: `app.use(lava)` serves `/v1/forward` and `/v1/requests`; all else falls through. */
export interface LavaGateway<Request extends IncomingMessage> extends ExpressMiddleware<Request>, LavaMembers {
  /** Refuses with 402 before the handler runs, and holds what it may cost. Behind another guard it takes that one's place. */
  balanceGuard(options?: BalanceGuardOptions<Request>): ExpressMiddleware<Request>
  /** Bills the usage of the provider's answer that the handler relays. */
  usageCapture(options: UsageCaptureOptions): ExpressMiddleware<Request>
}

export interface ExpressOptions {
  /**
   * Refusals and failures go to the app's own error handlers (`next(error)`, a `GatewayError`) instead of being answered in the
   * gateway's error shape. Default false: without such a handler Express answers HTML.
   */
  passErrors?: boolean
}

/**
 * Usage billing with enforcement, in this process.
 *
 * @throws TypeError when an option is unknown or contradicts another; the message says the mend.
 * @example
 * const app = express()
 * app.use(lavaGateway())
 */
export function lavaGateway<Request extends IncomingMessage = express.Request>({
  passErrors = false,
  ...options
}: LavaOptions<Request> & ExpressOptions = {}): LavaGateway<Request> {
  const storage = options.storage ?? sqliteStorage({ path: 'lava.db' })
  const gateway = createGateway(settingsFrom({ ...options, storage }))
  // On the request itself: of a WeakMap V8 looks through the youngest keys at every collection, which took a tenth of a call.
  const guarded: unique symbol = Symbol('lava-gateway: guarded')
  type MayBeGuarded = Request & { [guarded]?: GuardedRequest }

  function lavaGateway(req: Request, res: ServerResponse, next: Next): void {
    const answered = gateway.handle(req, res)
    if (answered) answered.catch((error: unknown) => tell(error, res, next))
    else next()
  }

  function tell(thrown: unknown, res: ServerResponse, next: Next): void {
    const error = gateway.asGatewayError(thrown)
    if (passErrors && !res.headersSent) next(error)
    else respondError(res, error)
  }

  /** Runs a step before the handler, which a refusal never reaches. */
  function before(step: RouteStep<Request>): ExpressMiddleware<Request> {
    return function lavaGuard(req, res, next) {
      const carrier: MayBeGuarded = req
      step(req, res, carrier[guarded]).then(
        (opened) => {
          carrier[guarded] = opened
          Object.assign(req, { lava: opened.lava })
          next()
        },
        (error: unknown) => tell(error, res, next),
      )
    }
  }

  return Object.assign(lavaGateway, gateway.members, {
    balanceGuard: (guardOptions: BalanceGuardOptions<Request> = {}) =>
      before(gateway.guardedRoutes.guard(guardOptions)),
    usageCapture: (captureOptions: UsageCaptureOptions) => before(gateway.guardedRoutes.capture(captureOptions)),
  })
}
