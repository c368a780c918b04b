// The gateway: joins the wings; the faces give it requests, the host calls its members.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { parseReport, type ReportInput } from '../api/requests.ts'
import { GatewayError } from '../errors.ts'
import { letPass } from '../http/body.ts'
import { createAgents } from '../http/public-agent.ts'
import { openJournal } from '../ledger/journal.ts'
import type { RequestRecord } from '../ledger/request-record.ts'
import { outputHistory } from '../pricing/estimate.ts'
import { priceTable } from '../pricing/price-table.ts'
import { createBalanceGuard } from './balance-guard.ts'
import { createBudgets, type Budget, type BudgetInput } from './budgets.ts'
import { createCallers } from './caller.ts'
import { createForward, requestIdHeader } from './forward.ts'
import { createStorageWatch } from './health.ts'
import { createLifetime, type Lifetime } from './lifetime.ts'
import { createGuardedRoutes, type GuardedRoutes } from './guarded-route.ts'
import { asGatewayError } from './host-error.ts'
import { hostMembers, type HostMembers } from './host-members.ts'
import { heldIdOf } from './idempotency.ts'
import type { Fetch } from './fetch-call.ts'
import { createMeteredFetches, type MeteredFetchOptions } from './metered-fetch.ts'
import { createHolding } from './holding.ts'
import { createOpening } from './opening.ts'
import { createOpenRequests } from './open-requests.ts'
import type { Settings } from './options.ts'
import { createRecordPricer } from './priced-record.ts'
import { createOwnHolds } from './own-holds.ts'
import { createProxy } from './proxy.ts'
import { createRecovery } from './recover.ts'
import { createReplay } from './replay.ts'
import { createReports } from './report.ts'
import { createEstimator } from './request-estimate.ts'
import { createRoutes } from './routes.ts'
import { createSecuredHolds } from './secured-hold.ts'
import { createSettleQueue } from './settle-queue.ts'
import { createSettleWork } from './settle-work.ts'
import { createSettler } from './settle.ts'
import { createSignedTokens, type SignedTokens } from './signed-token.ts'
import { createStorageAccess } from './storage-access.ts'
import { createTokenAllowances } from './token-allowance.ts'

/** What a host calls in its own process. Amounts are decimal strings, ten decimals in every answer. */
export interface LavaMembers extends Pick<Lifetime, 'health' | 'close'>, HostMembers {
  /** The same as `POST /v1/requests`; a repeated `request_id` gives the first record again. */
  report(report: ReportInput): Promise<RequestRecord>
  /**
   * A signed, expiring forward token that holds no secret: it may be given to a browser or a mobile app.
   *
   * @throws TypeError when a field is wrong, the meter is unknown, or no secret key is set.
   * @example
   * lava.createForwardToken({ customer_id: 'u1', meter_slug: 'chat', expiresIn: '15m', limits: { models: ['gpt-4o-mini'] } })
   */
  createForwardToken: SignedTokens['create']
  /**
   * A `fetch` for a provider's own client: the customer is guarded before each call and charged by its answer. Who can't pay
   * gets a 402 response; the client's own key and address are used.
   *
   * @throws TypeError when an option is unknown, or names a meter that is not there.
   * @example
   * const openai = new OpenAI({ fetch: lava.fetch({ customer_id: 'u1', meter_slug: 'chat' }) })
   */
  fetch: (options: MeteredFetchOptions) => Fetch
  /**
   * Sets money aside for many calls, so that a loop of them is affordable from the start or refused at the start. Its hold is
   * freed by `close()`, after `ttlMs`, or like any hold when the process dies. On a route of the host's `balanceGuard({ budget })`
   * opens and closes it.
   *
   * @throws GatewayError `insufficient_balance` (402), `invalid_request`, `storage_unavailable`.
   * @example
   * const budget = await lava.openBudget({ customer_id: 'u1', meter_slug: 'chat', amount: '2.00', ttlMs: 600_000 })
   * const openai = new OpenAI({ fetch: budget.fetch() })
   * // … the loop …
   * await budget.close()
   */
  openBudget: (input: BudgetInput) => Promise<Budget>
}

export interface Gateway<Request extends IncomingMessage> {
  members: LavaMembers
  guardedRoutes: GuardedRoutes<Request>
  /**
   * Answers a request of the gateway's own routes; null: it is not one of them. Resolves when the answer is given and its record
   * written, rejects with the GatewayError that the face has to tell.
   */
  handle(req: Request, res: ServerResponse): Promise<void> | null
  /** Whatever was thrown, as the error that the caller is told. */
  asGatewayError(error: unknown): GatewayError
}

export function createGateway<Request extends IncomingMessage>(settings: Settings<Request>): Gateway<Request> {
  const { logger } = settings
  const { opening, storage, queue, requests, routes, reports, tokens, fetches, budgets, guarded, lifetime } =
    joinParts(settings)
  // Opened at once: a key that has to be made is printed at the start, and expired holds are found then.
  opening.opened().catch((error: unknown) => logger.error('lava-gateway: the storage could not be opened:', error))

  return {
    guardedRoutes: createGuardedRoutes(guarded),
    asGatewayError: (error) => asGatewayError(error, logger),
    handle(req, res) {
      const route = routes.find(req)
      if (!route) return null
      // Every answer names a request; one that gets as far as a record names that instead.
      const request_id = settings.ids()
      res.setHeader(requestIdHeader, request_id)
      const answered = lifetime.closing()
        ? Promise.reject(new GatewayError('storage_unavailable', 'The gateway is shutting down.'))
        : route(req, res, request_id)
      const told = answered.then(
        () => letPass(req),
        (error: unknown) => {
          letPass(req)
          throw asGatewayError(error, logger)
        },
      )
      requests.track(told)
      return told
    },
    members: {
      ...hostMembers(settings, storage, queue),
      async report(report) {
        const { record } = await reports.report(parseReport(report))
        return record
      },
      createForwardToken: tokens.create,
      fetch: fetches.open,
      health: lifetime.health,
      openBudget: budgets.open,
      close() {
        budgets.closeAll()
        return lifetime.close()
      },
    },
  }
}

/** Makes every part once, and hands each what it needs. */
function joinParts<Request extends IncomingMessage>(settings: Settings<Request>) {
  const requests = createOpenRequests()
  const opening = createOpening({ ...settings, onOpened: () => lifetime.begin() })
  const watch = createStorageWatch(settings.clock)
  const storage = createStorageAccess(settings.storage, opening.opened, { watch, ...settings })
  const journal = settings.journalPath === null ? null : openJournal(settings.journalPath)
  const prices = priceTable({ prices: settings.prices, clock: settings.clock })
  const history = outputHistory({ customersMax: 10_000 })
  const pricer = createRecordPricer({ settings, prices })
  const tokens = createSignedTokens(settings)
  const allowances = createTokenAllowances({ ...settings, storage, requests })
  const onRecord: typeof settings.onRecord = (record) => {
    allowances.finished({ request_id: heldIdOf(record.request_id), charge: record.charge })
    settings.onRecord(record)
  }
  const waits = { settings: { ...settings, onRecord }, storage, journal, storageId: opening.storageId }
  const work = createSettleWork({ ...waits, pricer, onLeft: () => replay.wake() })
  const replay = createReplay({ ...waits, work })
  const queue = createSettleQueue()
  const settler = createSettler({ settings, requests, work, queue, history })
  const estimator = createEstimator({ settings, prices, history })
  const closing = () => lifetime.closing()
  const securedHolds = createSecuredHolds({ settings, storage })
  const guard = createBalanceGuard({
    settings,
    storage,
    estimator,
    requests,
    allowances,
    queue,
    closing,
    securedHolds,
    forsake: (hold) => holds.forsake(hold),
    letGo: (hold, why) => holds.letGo(hold, why),
  })
  const callers = createCallers({ ...settings, keys: opening.keys, tokens })
  const agents = createAgents(settings.providerTimeoutMs)
  const proxy = createProxy(agents, settings.providerTimeoutMs)
  const reports = createReports({ settings, storage, requests, pricer })
  const fetches = createMeteredFetches({ settings, guard, settler, closing })
  const holding = createHolding({ settings, storage, requests, allowances })
  const budgets = createBudgets({ settings, guard, holding, settler, reports, fetches, allowances, closing })
  const forward = createForward({ settings, callers, guard, budgetOf: budgets.ofRequest, proxy, settler })
  const routes = createRoutes({ settings, callers, forward, reports, storage, queue })
  const waiting = () => [...work.waiting(), ...replay.waiting()]
  const holds = createOwnHolds({ settings, storage, requests, queue, waiting })
  const recovery = createRecovery({ settings, storage, requests, holds })
  const breakOff = () => {
    agents.destroy()
    fetches.cancelAll()
  }
  const lifetime = createLifetime({ ...waits, requests, opening, recovery, replay, work, queue, breakOff, watch })
  const guarded = { settings, callers, guard, budgets, holding, settler, requests, allowances }
  return { opening, storage, queue, requests, routes, reports, tokens, fetches, budgets, guarded, lifetime }
}
