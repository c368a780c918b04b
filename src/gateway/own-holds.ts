// The holds of this process: kept alive while it needs them, and let go where their answer was lost.
import type { RequestRecord } from '../ledger/request-record.ts'
import type { HoldAct } from '../ledger/storage-adapter.ts'
import { zeroMoney } from '../money.ts'
import type { OpenRequests } from './open-requests.ts'
import type { Settings } from './options.ts'
import type { SettleQueue } from './settle-queue.ts'
import type { Storage } from './storage-access.ts'

export interface OwnHolds {
  /** A hold whose answer was lost, and whose call was refused: it is released if it is there. */
  forsake: (hold: ForsakenHold) => void
  /** A hold whose call is refused after all: it is released now, or later where the storage is away. */
  letGo: (hold: ForsakenHold, why: string) => void
  /** Releases what was forsaken, and renews what is running or waits to be settled. */
  tend: () => Promise<void>
}

export type ForsakenHold = Pick<HoldAct, 'record' | 'fingerprint'>

interface OwnHoldsParts {
  settings: Settings<never>
  storage: Storage
  requests: OpenRequests
  queue: SettleQueue
  /** Requests whose settlement waits, in this process or in the journal. */
  waiting: () => Iterable<string>
}

/** More than these are left to their expiry. */
const forsakenMax = 10_000

export function createOwnHolds({ settings, storage, requests, queue, waiting }: OwnHoldsParts): OwnHolds {
  const { clock, holdTtlMs } = settings
  const forsaken = new Map<string, { hold: ForsakenHold; why: string }>()

  async function release({ record, fingerprint }: ForsakenHold, why: string): Promise<void> {
    const timestamp = new Date(clock()).toISOString()
    const released: RequestRecord = {
      ...record,
      status: 'completed',
      note: `${why}, and the call was refused`,
      timestamp,
    }
    // Settled with nothing, which also undoes what another process's recovery may have taken meanwhile.
    const act = { record: released, fingerprint, charge: zeroMoney, opens: false, total: null }
    await storage.use((adapter) => adapter.settle(act))
  }

  async function releaseForsaken(): Promise<void> {
    for (const [request_id, { hold, why }] of forsaken) {
      await release(hold, why)
      forsaken.delete(request_id)
    }
  }

  function forsake(hold: ForsakenHold, why: string): void {
    if (forsaken.size < forsakenMax) forsaken.set(hold.record.request_id, { hold, why })
  }

  async function renew(): Promise<void> {
    const expires_at_ms = clock() + holdTtlMs
    // A process that was stopped for longer than its holds live comes here before the queue's own timer.
    queue.flush()
    const ids = new Set([...requests.all().map(({ request_id }) => request_id), ...waiting()])
    await Promise.all(
      [...ids].map((request_id) => storage.use((adapter) => adapter.renew({ request_id, expires_at_ms }))),
    )
  }

  return {
    forsake: (hold) => forsake(hold, 'the storage did not answer'),
    letGo(hold, why) {
      requests.track(release(hold, why).catch(() => forsake(hold, why)))
    },
    async tend() {
      await releaseForsaken()
      await renew()
    },
  }
}
