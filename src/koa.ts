// The Koa face, and a front door of its own: the same gateway as middleware for Koa 2 and 3.
import type { IncomingMessage } from 'node:http'
import type { Context, Next } from 'koa'
import { GatewayError } from './errors.ts'
import { requestIdHeader } from './gateway/forward.ts'
import { createGateway, type LavaMembers } from './gateway/gateway.ts'
import type {
  BalanceGuardOptions,
  GuardedRequest,
  LavaRequest,
  RouteStep,
  UsageCaptureOptions,
} from './gateway/guarded-route.ts'
import { settingsFrom, type LavaOptions } from './gateway/options.ts'
import { respondError } from './http/respond.ts'
import { sqliteStorage } from './storage/sqlite.ts'

// A project without Express can't resolve the types of the other door.
export * from './shared-names.ts'

declare module 'koa' {
  interface DefaultState {
    /** The open request, behind `lava.balanceGuard()` or `lava.usageCapture()`. */
    lava?: LavaRequest
  }
}

export type KoaMiddleware = (ctx: Context, next: Next) => Promise<void>

/** Middleware with members: `app.use(lava)` serves `/v1/forward` and `/v1/requests`; all else falls through. */
export interface LavaGateway extends KoaMiddleware, LavaMembers {
  /** Refuses with 402 before the handler runs, and holds what it may cost. Behind another guard it takes that one's place. */
  balanceGuard(options?: BalanceGuardOptions<Context>): KoaMiddleware
  /** Bills the usage of the provider's answer that the handler relays, through `ctx.body` or `ctx.res`. */
  usageCapture(options: UsageCaptureOptions): KoaMiddleware
}

/**
 * Usage billing with enforcement, in this process. The host's functions (`customer`, `meter`, `estimate`) are given Koa's context;
 * refusals are thrown as `GatewayError`, and answered in the gateway's error shape where the app does not catch them.
 *
 * @throws TypeError when an option is unknown or contradicts another; the message says the mend.
 * @example
 * const app = new Koa()
 * app.use(lavaGateway())
 */
export function lavaGateway(options: LavaOptions<Context> = {}): LavaGateway {
  const storage = options.storage ?? sqliteStorage({ path: 'lava.db' })
  // On the request itself: of a WeakMap V8 looks through the youngest keys at every collection, which took a tenth of a call.
  const context: unique symbol = Symbol('lava-gateway: context')
  const guarded: unique symbol = Symbol('lava-gateway: guarded')
  type Request = IncomingMessage & { [context]?: Context; [guarded]?: GuardedRequest; [cutsFailures]?: true }
  const contextOf = (req: Request) => req[context]
  const { customer, meter, ...others } = options
  const gateway = createGateway(
    settingsFrom<Request>({
      ...others,
      storage,
      ...(customer === undefined ? {} : { customer: ofContext(customer, contextOf) }),
      ...(meter === undefined ? {} : { meter: ofContext(meter, contextOf) }),
    }),
  )

  function enter(ctx: Context): Request {
    const req: Request = ctx.req
    req[context] = ctx
    handOver(ctx)
    answerFailures(ctx)
    return req
  }

  async function lavaGateway(ctx: Context, next: Next): Promise<void> {
    const req = enter(ctx)
    const answered = underRouter(ctx, () => gateway.handle(req, ctx.res))
    if (!answered) {
      await next()
      return
    }
    ctx.respond = false
    try {
      await answered
    } catch (error) {
      // Whoever catches it may answer with `ctx.body`.
      ctx.respond = true
      throw cutOff(ctx, gateway.asGatewayError(error))
    }
  }

  /** Runs a step before the handler, which a refusal never reaches. */
  function before(step: RouteStep<Request>): KoaMiddleware {
    return async function lavaGuard(ctx, next) {
      const req = enter(ctx)
      const opened = await step(req, ctx.res, req[guarded]).catch((error: unknown) => {
        throw cutOff(ctx, gateway.asGatewayError(error))
      })
      req[guarded] = opened
      ctx.state.lava = opened.lava
      req[cutsFailures] = true
      if (Object.hasOwn(ctx, 'onerror')) cutFailures(ctx)
      await next()
    }
  }

  return Object.assign(lavaGateway, gateway.members, {
    balanceGuard: ({ estimate, budget, ...guardOptions }: BalanceGuardOptions<Context> = {}) =>
      before(
        gateway.guardedRoutes.guard({
          ...guardOptions,
          ...(estimate === undefined ? {} : { estimate: ofContext(estimate, contextOf) }),
          ...(budget === undefined ? {} : { budget: ofContext(budget, contextOf) }),
        }),
      ),
    usageCapture: (captureOptions: UsageCaptureOptions) => before(gateway.guardedRoutes.capture(captureOptions)),
  })
}

type OfContext = (ctx: Context) => unknown

/** A host's function of the context as one of the request; what is no function stays, for the options' own check. */
function ofContext<Given extends OfContext, Request>(
  given: Given,
  contextOf: (req: Request) => Context | undefined,
): (req: Request) => ReturnType<Given>
function ofContext<Given extends OfContext, Request>(
  given: Given | string,
  contextOf: (req: Request) => Context | undefined,
): string | ((req: Request) => ReturnType<Given>)
function ofContext<Request>(given: unknown, contextOf: (req: Request) => Context | undefined): unknown {
  if (typeof given !== 'function') return given
  return (req: Request): unknown => Reflect.apply(given, undefined, [contextOf(req)])
}

/** Koa leaves an answer under way as it is, and its caller waiting. */
function cutOff(ctx: Context, error: GatewayError): GatewayError {
  if (ctx.headerSent) respondError(ctx.res, error)
  return error
}

/** What Koa and its body parsers keep on the context, as other frameworks do on the request (koa-body's `patchNode`). */
function handOver(ctx: Context): void {
  const { req, request, originalUrl } = ctx
  if (!('originalUrl' in req)) Object.assign(req, { originalUrl })
  if ('body' in request && !('body' in req)) Object.assign(req, { body: request.body })
  if ('rawBody' in request && !('rawBody' in req)) Object.assign(req, { rawBody: request.rawBody })
}

/** koa-mount strips its path from `url`, Koa Router does not: what stands before a path of ours is the router's. */
function underRouter<Found>(ctx: Context, find: () => Found): Found {
  if (ctx._matchedRoute === undefined) return find()
  const { url } = ctx
  ctx.url = url.replace(/^[^?]*?(?=\/v1\/(?:forward|requests|providers)(?:[/?]|$))/, '')
  try {
    return find()
  } finally {
    ctx.url = url
  }
}

/** On the `onerror` that is ours; another copy of this package shall know it. */
const isOurs: unique symbol = Symbol.for('lava-gateway: onerror')
/** On a guarded request: an answer that fails under way would stay open, and its hold with it, since Koa only reports the error. */
const cutsFailures: unique symbol = Symbol.for('lava-gateway: cuts failures')

/**
 * Koa's last resort answers plain text. A refusal that nobody caught takes the same way (`app` is told, headers are dropped but
 * those of the error), and ends in our shape, unless the host has an `onerror` of its own. Once for all contexts of the app: one
 * of its own for each of them cost a seventh of a call (measured in November 2026).
 */
function answerFailures({ app: { context } }: Context): void {
  // eslint-disable-next-line @typescript-eslint/unbound-method -- it is applied to each context
  const { onerror: report } = context
  if (isOurs in report) return
  const isHosts = Object.hasOwn(context, 'onerror')
  function onerror(this: Context, error: Error | null): void {
    const isRefusal = !isHosts && error instanceof GatewayError && !this.headerSent && this.writable
    if (isRefusal) answerRefusal(this, error)
    else Reflect.apply(report, this, [error])
    if (cutsFailures in this.req) cutFailed(this, error)
  }
  context.onerror = Object.assign(onerror, { [isOurs]: true })
}

/** Where middleware in front has given this one context an `onerror` of its own. */
function cutFailures(ctx: Context): void {
  const report = ctx.onerror.bind(ctx)
  ctx.onerror = (error: Error) => {
    report(error)
    cutFailed(ctx, error)
  }
}

/** Koa calls `onerror` at the end of every answer, with nothing where none failed. */
function cutFailed({ headerSent, res }: Context, error: unknown): void {
  const failed = error !== null && error !== undefined
  if (failed && headerSent && !res.writableEnded) res.destroy()
}

function answerRefusal(ctx: Context, error: GatewayError): void {
  ctx.app.emit('error', error, ctx)
  for (const name of ctx.res.getHeaderNames()) if (name !== requestIdHeader) ctx.remove(name)
  // Where @koa/cors leaves its own.
  const headers: unknown = 'headers' in error ? error.headers : undefined
  for (const [name, value] of Object.entries(headers ?? {})) ctx.set(name, String(value))
  respondError(ctx.res, error)
}
