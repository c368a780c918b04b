// The balance guard: estimates a request, sets its money aside, or refuses; the hold is the pending record.
import { isoTimes } from '../clock.ts'
import { GatewayError } from '../errors.ts'
import { availableOf } from '../ledger/balance.ts'
import { pendingRecord } from '../ledger/new-record.ts'
import type { RequestRecord } from '../ledger/request-record.ts'
import type { HoldAct, HoldOutcome } from '../ledger/storage-adapter.ts'
import { formatMoney, maxMoney, money, zeroMoney, type Money } from '../money.ts'
import type { Call } from '../providers/call.ts'
import type { Admission } from './admission.ts'
import type { Draw } from './budget.ts'
import { closeEarlier, mayBeLost } from './earlier-tries.ts'
import { idOf, mayBeRetried, unchargedRetriesMax, used } from './idempotency.ts'
import { insufficientBalance } from './insufficient.ts'
import type { Estimator, RequestEstimate } from './request-estimate.ts'
import type { OpenRequest, OpenRequests } from './open-requests.ts'
import type { ForsakenHold, OwnHolds } from './own-holds.ts'
import type { Settings } from './options.ts'
import type { SecuredHolds } from './secured-hold.ts'
import type { SettleQueue } from './settle-queue.ts'
import { drawOn, tellShadow } from './shadow.ts'
import type { Storage } from './storage-access.ts'
import type { Taken, TokenAllowances } from './token-allowance.ts'

export interface BalanceGuard {
  /**
   * Holds what the request may cost.
   *
   * @throws GatewayError `forbidden` (a signed token's limit), `insufficient_balance`, `price_unknown`, `storage_unavailable`,
   * `invalid_request` (unknown meter), `request_id_reused` (an idempotency key that was used before).
   */
  admit<AboutCall extends Call | null>(admission: Admission<AboutCall>): Promise<OpenRequest<AboutCall>>
  /**
   * A request whose work is done already: nothing is held, and its settlement writes its record.
   *
   * @throws GatewayError `invalid_request` (unknown meter), `not_found` (its budget was closed).
   */
  begin<AboutCall extends Call | null>(admission: Admission<AboutCall>): OpenRequest<AboutCall>
}

interface GuardParts {
  settings: Settings<never>
  storage: Storage
  estimator: Estimator
  requests: OpenRequests
  closing: () => boolean
  /** What can be written together with a hold. */
  queue: SettleQueue
  /** Told of a hold that may have been made although its answer was lost. */
  forsake: (hold: ForsakenHold) => void
  /** Told of a hold that was made, and whose call is refused all the same. */
  letGo: OwnHolds['letGo']
  allowances: TokenAllowances
  securedHolds: Pick<SecuredHolds, 'follow'>
}

export function createBalanceGuard(parts: GuardParts): BalanceGuard {
  const { settings, storage, estimator, requests, queue, allowances, securedHolds } = parts
  const begin: Beginning = { settings, isoTime: isoTimes() }

  async function hold<AboutCall extends Call | null>(
    admission: Admission<AboutCall>,
    estimate: RequestEstimate,
    draw: Draw | null,
  ): Promise<OpenRequest<AboutCall>> {
    let earlier: RequestRecord[] | null = null
    for (let attempt = 0; attempt <= unchargedRetriesMax; attempt++) {
      const { act, request } = open(begin, admission, estimate, draw, idOf(admission, attempt, settings.ids))
      queue.flush()
      let held: HoldOutcome | { outcome: 'unheld' }
      try {
        held = await storage.use((adapter) => adapter.hold(act))
      } catch (error) {
        held = withoutStorage(parts, error, act)
      }
      if (held.outcome === 'held') {
        if (earlier) await closeEarlier(earlier, act, parts)
        if (settings.shadow && held.balance && !draw) tellShadow(held.balance, act, settings)
        request.scarce ||= held.balance !== null && availableOf(held.balance, settings.overdraft) < act.amount
        if (held.durable) securedHolds.follow(request, held.durable)
        requests.add(request)
        return request
      }
      if (held.outcome === 'unheld') {
        const passing = withoutHold(request, settings.ids())
        requests.add(passing)
        return passing
      }
      if (held.outcome === 'insufficient') {
        const available = availableOf(held.balance, settings.overdraft)
        throw insufficient(available, act.amount, estimate, settings)
      }
      if (held.outcome === 'reused')
        throw new GatewayError('request_id_reused', 'This Idempotency-Key was used before with other content.')
      if (!mayBeRetried(held.record)) throw used(held.record)
      if (mayBeLost(held.record)) (earlier ??= []).push(held.record)
    }
    throw new GatewayError('request_id_reused', 'This Idempotency-Key has been retried too often; use a fresh one.')
  }

  return {
    begin(admission) {
      const estimate = estimator.estimate({ ...admission, estimate: zeroMoney })
      const draw = admission.budget?.draw(zeroMoney, estimate.outputTokensWithin) ?? null
      const request_id = settings.ids()
      const request = withoutHold(open(begin, admission, estimate, draw, request_id).request, request_id)
      requests.add(request)
      return request
    },
    admit(admission) {
      // A guarded route of the host's goes on to be called; what it began now could not be settled.
      if (parts.closing()) throw new GatewayError('storage_unavailable', 'The gateway is shutting down.')
      // Before the estimate: a price that nobody knows is no news to who may not ask.
      allowances.requireAllowed(admission)
      const estimate = estimator.estimate(admission)
      const taking = allowances.take(admission, estimate.hold)
      return taking || admission.budget
        ? holdTaken(admission, estimate, taking, { settings, hold })
        : hold(admission, estimate, null)
    },
  }
}

type Hold = <AboutCall extends Call | null>(
  admission: Admission<AboutCall>,
  estimate: RequestEstimate,
  draw: Draw | null,
) => Promise<OpenRequest<AboutCall>>

/** What was taken for it besides the hold is given back where it is not let in. */
async function holdTaken<AboutCall extends Call | null>(
  admission: Admission<AboutCall>,
  estimate: RequestEstimate,
  taking: Promise<Taken> | null,
  { settings, hold }: { settings: Settings<never>; hold: Hold },
): Promise<OpenRequest<AboutCall>> {
  const taken = await taking
  let draw: Draw | null = null
  try {
    draw = admission.budget ? drawOn(admission.budget, estimate, settings) : null
    const request = await hold(admission, estimate, draw)
    taken?.keep(request.request_id)
    return request
  } catch (error) {
    taken?.cancel()
    draw?.end(zeroMoney)
    throw error
  }
}

interface Beginning {
  settings: Settings<never>
  isoTime: (at_ms: number) => string
}

function open<AboutCall extends Call | null>(
  { settings, isoTime }: Beginning,
  admission: Admission<AboutCall>,
  estimate: RequestEstimate,
  draw: Draw | null,
  request_id: string,
): { act: HoldAct; request: OpenRequest<AboutCall> } {
  const { caller, provider, call, endpoint, metadata } = admission
  const now = settings.clock()
  const record = pendingRecord({
    request_id,
    customer_id: caller.customer_id,
    meter_id: caller.meter_slug,
    provider: provider?.key ?? 'host',
    provider_key_type: caller.provider_key === null ? 'managed' : 'unmanaged',
    model: call?.model ?? null,
    endpoint,
    held: estimate.hold,
    metadata,
    created_at: isoTime(now),
  })
  const fingerprint = admission.idempotency?.fingerprint ?? request_id
  const act: HoldAct = {
    record,
    fingerprint,
    // The budget's own hold covers it.
    amount: draw ? zeroMoney : estimate.hold,
    overdraft: settings.overdraft,
    requires: settings.shadow || draw ? 'nothing' : estimate.requires,
    expires_at_ms: now + settings.holdTtlMs,
    durable_later: admission.securedLater,
  }
  const { meter, billed, price } = estimate
  return {
    act,
    request: {
      request_id,
      record,
      fingerprint,
      opens: false,
      held: estimate.hold,
      aside: act.amount,
      meter,
      billed,
      enforced: billed && admission.enforced,
      provider,
      call,
      price,
      place: -1,
      scarce: draw !== null || caller.grant?.limits.amount !== undefined,
      unsecured: null,
      draw,
    },
  }
}

/** The storage is away: `unheld`, where the host rather gives credit than refuses (design 5.14). */
function withoutStorage({ settings, forsake }: GuardParts, error: unknown, act: HoldAct): { outcome: 'unheld' } {
  // It may be there all the same: its answer was lost. Under an idempotency key it may be another call's, which runs.
  if (act.fingerprint === act.record.request_id) forsake(act)
  if (settings.onStorageError === 'refuse') throw error
  settings.logger.warn(`lava-gateway: ${act.record.request_id} passes without a hold: the storage is away`)
  return { outcome: 'unheld' }
}

/** Under an id of its own: nobody could look whether that of an idempotency key was used before. */
function withoutHold<AboutCall extends Call | null>(request: OpenRequest<AboutCall>, request_id: string): OpenRequest<AboutCall> {
  const record = { ...request.record, request_id, held: formatMoney(zeroMoney) }
  return { ...request, request_id, record, fingerprint: request_id, opens: true, held: zeroMoney, aside: zeroMoney }
} // prettier-ignore

function insufficient(available: Money, amount: Money, estimate: RequestEstimate, { topUpUrl }: Settings<never>): GatewayError {
  return insufficientBalance({
    message: 'The balance does not cover this request. Top up, or ask for less.',
    available,
    // In `balance` mode nothing is held, and the smallest amount above zero is what is missing.
    required: maxMoney(amount, money(1n)),
    topUpUrl,
    maxOutputTokens: estimate.outputTokensWithin(available),
  })
} // prettier-ignore
