// The allowance of signed tokens: what each may still do, counted in the storage, never exceeded by calls that race.
import { LRUCache } from 'lru-cache'
import type { Clock } from '../clock.ts'
import { GatewayError } from '../errors.ts'
import type { RequestRecord } from '../ledger/request-record.ts'
import { addMoney, formatMoney, parseMoney, subtractMoney, zeroMoney, type Money } from '../money.ts'
import type { Call } from '../providers/call.ts'
import { isOfAccount } from '../providers/endpoint.ts'
import type { Admission } from './admission.ts'
import type { Logger } from './logger.ts'
import type { OpenRequests } from './open-requests.ts'
import type { TokenGrant } from './signed-token.ts'
import type { Storage } from './storage-access.ts'
import { createTokenCounts, type TokenCount } from './token-count.ts'

export interface TokenAllowances {
  /** @throws GatewayError `forbidden` when the caller's token is not for such calls. */
  requireAllowed(admission: Admission<Call | null>): void
  /**
   * Takes one call with its hold out of what the caller's token allows. Null: no token, or nothing of it is counted.
   *
   * @throws GatewayError `forbidden` that names the limit, `storage_unavailable`.
   */
  take(admission: Admission<Call | null>, hold: Money): Promise<Taken> | null
  /**
   * Takes so much more for a request that runs. Null: nothing of it is counted.
   *
   * @throws GatewayError `forbidden` that names the limit, `storage_unavailable`.
   */
  raise(request_id: string, more: Money): Promise<Raised | null>
  /**
   * A request was not needed: gives back what was taken for it, its hold and the call.
   *
   * @throws GatewayError `storage_unavailable`.
   */
  giveBack(request_id: string): Promise<void>
  /** So much of what a request holds was charged by the records of others: it stays counted when the request is finished. */
  charged(request_id: string, amount: Money): void
  /** Puts the charge of a finished record in the place of its hold. */
  finished(record: Pick<RequestRecord, 'request_id' | 'charge'>): void
}

export interface Taken {
  /** The request that it was taken for. */
  keep(request_id: string): void
  /** There will be no call: gives it back. */
  cancel(): void
}

export interface Raised {
  /** The request holds it. */
  keep(): void
  /** It is not held: gives it back. */
  cancel(): void
}

interface AllowanceParts {
  storage: Storage
  requests: Pick<OpenRequests, 'track'>
  clock: Clock
  logger: Logger
}

const sweepEveryMs = 3_600_000

export function createTokenAllowances({ storage, requests, clock, logger }: AllowanceParts): TokenAllowances {
  const counts = createTokenCounts({ storage, clock })
  /** By request; what falls out of it stays counted with its hold, so a limit is met early and never late. */
  const kept = new LRUCache<string, { grant: TokenGrant; hold: Money }>({ max: 100_000 })
  let sweptAtMs = 0

  function inBackground(work: Promise<void>, what: string): void {
    requests.track(work.catch((error: unknown) => logger.warn(`lava-gateway: ${what}:`, error)))
  }

  async function takeFrom(grant: TokenGrant, hold: Money): Promise<Taken> {
    await counts.change(grant, (count) => taking(grant, count, hold))
    if (clock() - sweptAtMs > sweepEveryMs) {
      sweptAtMs = clock()
      inBackground(counts.sweep(), 'the counts of expired tokens could not be deleted')
    }
    return {
      keep: (request_id) => void kept.set(request_id, { grant, hold }),
      cancel() {
        const given = counts.change(grant, (count) => giving(count, hold))
        inBackground(given, 'a call that was refused stays counted in its token')
      },
    }
  }

  return {
    requireAllowed,
    take(admission, hold) {
      const grant = countedGrant(admission)
      return grant && takeFrom(grant, hold)
    },
    async raise(request_id, more) {
      const grant = kept.get(request_id)?.grant
      if (grant?.limits.amount === undefined) return null
      await counts.change(grant, (count) => ({ ...count, amount: amountAfter(grant, count.amount, more) }))
      const cancel = (): void => {
        const given = (count: TokenCount) => ({ ...count, amount: subtractMoney(count.amount, more) })
        inBackground(counts.change(grant, given), `${request_id} stays counted in its token with more than it holds`)
      }
      return {
        keep() {
          const taken = kept.get(request_id)
          // Finished meanwhile: its charge was put in the place of its first hold.
          if (taken) taken.hold = addMoney(taken.hold, more)
          else cancel()
        },
        cancel,
      }
    },
    async giveBack(request_id) {
      const taken = kept.get(request_id)
      kept.delete(request_id)
      if (taken) await counts.change(taken.grant, (count) => giving(count, taken.hold))
    },
    charged(request_id, amount) {
      const taken = kept.get(request_id)
      if (taken) taken.hold = subtractMoney(taken.hold, amount)
    },
    finished({ request_id, charge }) {
      const taken = kept.get(request_id)
      if (!taken) return
      kept.delete(request_id)
      const difference = subtractMoney(charge ? parseMoney(charge.amount) : zeroMoney, taken.hold)
      if (taken.grant.limits.amount === undefined || difference === zeroMoney) return
      const work = counts.change(taken.grant, (count) => ({ ...count, amount: addMoney(count.amount, difference) }))
      inBackground(work, `${request_id} stays counted with its hold in its token`)
    },
  }
}

/** Null: no token, or nothing of it is counted. */
function countedGrant({ caller: { grant }, enforced }: Admission<Call | null>): TokenGrant | null {
  if (!grant || !enforced) return null
  return grant.limits.requests === undefined && grant.limits.amount === undefined ? null : grant
}

function taking(grant: TokenGrant, { requests, amount }: TokenCount, hold: Money): TokenCount {
  const { limits } = grant
  if (limits.requests !== undefined && requests >= limits.requests)
    throw refused(`it is good for ${limits.requests} requests, which were made`)
  return { requests: requests + 1, amount: amountAfter(grant, amount, hold) }
}

function giving({ requests, amount }: TokenCount, hold: Money): TokenCount {
  return { requests: requests - 1, amount: subtractMoney(amount, hold) }
}

function amountAfter({ limits }: TokenGrant, amount: Money, more: Money): Money {
  const after = addMoney(amount, more)
  const most = limits.amount === undefined ? null : parseMoney(limits.amount)
  if (most !== null && (after > most || amount >= most))
    throw refused(`it is good for ${formatMoney(most)} dollars, of which ${formatMoney(amount)} are spent or held`)
  return after
}

/** What can't be known of a call is not allowed by a limit on it; and no token that a browser holds leads to the account. */
function requireAllowed({ caller, enforced, provider, call }: Admission<Call | null>): void {
  if (!caller.grant || !enforced) return
  const { limits } = caller.grant
  if (limits.providers && !(provider && limits.providers.includes(provider.key)))
    throw refused(`it does not allow ${provider?.key ?? 'this route, whose provider is not known'}`)
  if (call && isOfAccount(call))
    throw refused('it is for calls that are billed, not for what the provider’s account keeps (files, lists, keys)')
  const { models } = limits
  if (!models) return
  // The models of a batch stand in its file.
  const named = call?.dialect === 'openai-batch' ? null : (call?.model ?? null)
  const asked = [named, ...(call?.other_models ?? [])]
  const foreign = asked.find((model) => model === null || !models.includes(model))
  if (foreign === undefined) return
  throw refused(
    foreign === null ? 'it only allows calls that name their model' : `it does not allow the model ${foreign}`,
  )
}

function refused(reason: string): GatewayError {
  return new GatewayError('forbidden', `The forward token is limited: ${reason}.`)
}
