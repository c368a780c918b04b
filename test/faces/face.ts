// A face under test: what the behaviour suite needs of a framework, told in each framework's own words by its own file.
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { LavaMembers } from '../../src/gateway/gateway.ts'
import type { LavaRequest } from '../../src/gateway/guarded-route.ts'
import type { LavaOptions } from '../../src/gateway/options.ts'

/** How a handler hands on what its provider answered. */
export type Relay =
  'json' | 'string' | 'buffer' | 'write' | 'writeHead' | 'flushed' | 'pipe' | 'fetch body' | 'Response' | 'web stream'

/** Where the gateway stands in the app. */
export type Mount = 'root' | 'path' | 'router' | 'sub-app' | 'router with parameters' | 'sub-app of a sub-app'

/** One request, as a handler sees it. */
export interface Exchange {
  req: IncomingMessage
  res: ServerResponse
  lava: LavaRequest | undefined
  /** As the framework answers JSON: `res.json`, `ctx.body`. */
  json: (value: unknown) => void
  relay: (kind: Relay, answer: Response) => unknown
  /** The framework lets go of the answer; the handler writes to `res`, or never does. */
  hold: () => void
}

type RouteAmount = string | ((exchange: Pick<Exchange, 'req'>) => string)

interface Guard {
  estimate?: RouteAmount
  budget?: RouteAmount
  meter?: string
  provider?: string
}

export interface RouteSteps {
  /** On the whole router, before the route's own. */
  outer?: Guard
  outerCapture?: { provider: string }
  guard?: Guard
  capture?: { provider: string }
  handler: (exchange: Exchange) => unknown
}

export type SharedOptions = Omit<LavaOptions, 'customer' | 'meter'> & { meter?: string }
export type NodeMiddleware = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => void

export interface FaceApp {
  lava: LavaMembers
  /** The framework's own middleware of this name, in front of all that comes after. */
  use(name: 'json parser' | 'form parser' | 'other parser' | 'form eater' | 'compression' | 'trust proxy'): void
  /** Middleware of Node's kind, such as `helmet()`. */
  node(middleware: NodeMiddleware): void
  /** Runs all that comes after within `run`. */
  around(run: (next: () => unknown) => unknown): void
  gateway(mount?: Mount): void
  /** A second gateway, under `/second`. */
  second(options: SharedOptions): LavaMembers
  route(path: string, steps: RouteSteps): void
  /** The host's own error handling: it sees the error, and answers `{"seen": <code>}` with its status. */
  errors(seen: (error: unknown) => void): void
  listener(): RequestListener
}

export interface Face {
  name: string
  relays: readonly Relay[]
  /** Its customer is whom the header `x-user` names; without it the forward token says. */
  app(options: SharedOptions): FaceApp
  /** As `app`, where the host wants to see the gateway's refusals in its error handling. */
  appThatSeesErrors(options: SharedOptions): FaceApp
  /** Errors that the framework itself reports: an app 'error' event. Null: it has none. */
  reported: ((app: FaceApp) => unknown[]) | null
  /** For HTTP/2: Express itself does not speak it, its middleware does. */
  http2(options: SharedOptions): { lava: LavaMembers; listener: RequestListener }
}
