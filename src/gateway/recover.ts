// Recovery: keeps the holds of running requests alive, and finishes those whose process died.
import type { RequestRecord } from '../ledger/request-record.ts'
import { parseMoney, zeroMoney, formatMoney } from '../money.ts'
import { isBudgetEndpoint } from './budget.ts'
import type { OpenRequests } from './open-requests.ts'
import type { Settings } from './options.ts'
import type { OwnHolds } from './own-holds.ts'
import type { Storage } from './storage-access.ts'

export interface Recovery {
  /** Finishes the expired holds now and then on; renews the holds of open requests. */
  start(): void
  stop(): void
  /**
   * One round; resolves with the number of requests it finished. It renews this process's own holds first: they outlive their
   * expiry when it was stopped, or its storage away, and are not lost.
   */
  recoverExpired(): Promise<number>
}

interface RecoveryParts {
  settings: Settings<never>
  storage: Storage
  requests: OpenRequests
  holds: OwnHolds
}

const batch = 100
const roundEveryMsMax = 60_000

export function createRecovery({ settings, storage, requests, holds }: RecoveryParts): Recovery {
  const { clock, holdTtlMs, logger } = settings
  let timers: NodeJS.Timeout[] = []

  async function finish(record: RequestRecord, now: number): Promise<boolean> {
    const charged = settings.onLostRequest === 'charge' && isCharged(record)
    const lost = lostRecord(record, charged, now)
    const outcome = charged
      ? await storage.use((adapter) =>
          adapter.settle({
            record: lost,
            fingerprint: record.request_id,
            charge: parseMoney(record.held),
            opens: false,
            total: null,
            if_expired_at_ms: now,
          }),
        )
      : await storage.use((adapter) => adapter.release({ record: lost, lost: true, if_expired_at_ms: now }))
    // Another instance was faster, or the request's own process renewed it after all.
    if (outcome.outcome !== 'settled' && outcome.outcome !== 'released') return false
    logger.warn(
      `lava-gateway: request ${record.request_id} was lost with its process; ${charged ? 'its hold was charged' : 'its hold was released'}`,
    )
    settings.onRecord(outcome.record)
    return true
  }

  async function recoverExpired(): Promise<number> {
    let finished = 0
    await holds.tend()
    for (;;) {
      const now = clock()
      const expired = await storage.use((adapter) => adapter.expired(now, batch))
      const results = await Promise.all(expired.map((record) => finish(record, now)))
      finished += results.filter(Boolean).length
      if (expired.length < batch) return finished
    }
  }

  const watched = (work: () => Promise<unknown>) => () => {
    const told = (error: unknown) => logger.error('lava-gateway: recovery failed, and is tried again:', error)
    requests.track(work().catch(told))
  }

  return {
    recoverExpired,
    start() {
      watched(recoverExpired)()
      timers = [
        every(Math.min(roundEveryMsMax, holdTtlMs), watched(recoverExpired)),
        // A third: two renewals may fail before a hold is lost.
        every(Math.max(1, Math.floor(holdTtlMs / 3)), watched(holds.tend)),
      ]
    },
    stop() {
      for (const timer of timers) clearInterval(timer)
      timers = []
    },
  }
}

/** Such a timer alone keeps no process alive. */
function every(milliseconds: number, work: () => void): NodeJS.Timeout {
  return setInterval(work, milliseconds).unref()
}

/** The hold behind a budget is no call: what was lost with its process are the calls that drew on it. */
function isCharged({ customer_id, endpoint }: RequestRecord): boolean {
  return customer_id !== null && !isBudgetEndpoint(endpoint)
}

function lostRecord(record: RequestRecord, charged: boolean, now: number): RequestRecord {
  const amount = charged ? record.held : formatMoney(zeroMoney)
  return {
    ...record,
    status: 'error',
    charge: { amount, rate_type: 'fixed', breakdown: [] },
    usage_source: charged ? 'estimated' : 'none',
    note: `the process ended before the usage was known; ${charged ? 'what was held was charged' : 'nothing was charged'}`,
    timestamp: new Date(now).toISOString(),
  }
}
