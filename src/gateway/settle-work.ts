// Settle work: carries orders out, tries again while the storage is away, and keeps on disk what it could not take.
import type { Journal } from '../ledger/journal.ts'
import type { RequestRecord } from '../ledger/request-record.ts'
import type { StorageAdapter } from '../ledger/storage-adapter.ts'
import { zeroMoney } from '../money.ts'
import type { Settings } from './options.ts'
import type { RecordPricer } from './priced-record.ts'
import { settleMeasured, type MeasuredParts } from './settle-measured.ts'
import { waitingToJson, type SettleOrder } from './settle-order.ts'
import type { Storage } from './storage-access.ts'

export interface SettleWork {
  /** The finished record. Null: there is nothing to finish, or the storage stays away and the order is in the journal. */
  finish(order: SettleOrder): Promise<RequestRecord | null>
  /** Once. Rejects when the storage is away. Null: there is nothing to finish. */
  carryOut(order: SettleOrder): Promise<RequestRecord | null>
  /** The orders that are being carried out, or wait in this process. */
  waiting(): ReadonlyMap<string, SettleOrder>
  /** Puts what waits into the journal, and tries no more. */
  abandon(): void
}

interface SettleWorkParts {
  settings: Settings<never>
  storage: Storage
  pricer: RecordPricer
  journal: Journal | null
  storageId: () => string | null
  /** An order was left in the journal. */
  onLeft: () => void
}

/** How long after a failure the storage is tried again, before the order is left to the journal. */
const retryAfterMs = [50, 200, 1_000, 5_000] as const
/** Without a journal that takes it, it is tried for as long as the process lives. */
const retryAfterMsMax = 60_000
/** A storage that has not answered by then may be away; the order is on disk before anybody knows. */
const keepAfterMs = 1_000

export function createSettleWork(parts: SettleWorkParts): SettleWork {
  const { settings, storage, pricer, onLeft } = parts
  const { logger } = settings
  const waiting = new Map<string, SettleOrder>()
  let abandoned = false

  function carryOut(order: SettleOrder): Promise<RequestRecord | null> {
    return storage.use((adapter) => perform(adapter, order, { pricer, settings }))
  }

  async function untilTaken(order: SettleOrder): Promise<RequestRecord | null> {
    const { request_id } = order.record
    const kept = new KeptOrder(parts, order)
    waiting.set(request_id, order)
    try {
      for (let attempt = 0; !abandoned; attempt++) {
        const timer = setTimeout(() => kept.keep(), keepAfterMs)
        try {
          const record = await carryOut(order)
          kept.forget()
          tellFinished(request_id, record)
          return record
        } catch (error) {
          // Before anything is waited for: the process may be killed meanwhile.
          const delayMs = delayAfter(attempt, request_id, kept.keep(), error)
          if (delayMs === null) return null
          await waitFor(delayMs)
        } finally {
          clearTimeout(timer)
        }
      }
      return null
    } finally {
      waiting.delete(request_id)
    }
  }

  function tellFinished(request_id: string, record: RequestRecord | null): void {
    if (record) settings.onRecord(record)
    else logger.error(`lava-gateway: request ${request_id} could not be finished: its hold is gone`)
  }

  /** Null: it is tried no more here, and left to the replay. */
  function delayAfter(attempt: number, request_id: string, isKept: boolean, error: unknown): number | null {
    const delayMs = retryAfterMs[attempt] ?? (isKept ? null : retryAfterMsMax)
    const state = isKept ? 'is in the journal' : 'is tried again'
    if (attempt === retryAfterMs.length)
      logger.error(`lava-gateway: request ${request_id} could not be written, and ${state}:`, error)
    if (delayMs === null) onLeft()
    return delayMs
  }

  return {
    carryOut,
    waiting: () => waiting,
    finish: untilTaken,
    abandon() {
      abandoned = true
      for (const order of waiting.values()) new KeptOrder(parts, order).keep()
    },
  }
}

/** One order's entry in the journal. */
class KeptOrder {
  readonly #parts: SettleWorkParts
  readonly #order: SettleOrder
  #kept = false

  constructor(parts: SettleWorkParts, order: SettleOrder) {
    this.#parts = parts
    this.#order = order
  }

  /** @returns whether it is on disk. */
  keep(): boolean {
    const { journal, storageId, settings } = this.#parts
    const { request_id } = this.#order.record
    if (this.#kept || !journal) return this.#kept
    try {
      journal.add({ request_id, order: waitingToJson({ storage_id: storageId(), order: this.#order }) })
      this.#kept = true
    } catch (error) {
      settings.logger.error(`lava-gateway: request ${request_id} could not be written to the journal:`, error)
    }
    return this.#kept
  }

  /** A failure leaves the entry, which is carried out once more: that changes nothing. */
  forget(): void {
    const { journal, settings, onLeft } = this.#parts
    if (!this.#kept) return
    try {
      journal?.remove(this.#order.record.request_id)
    } catch (error) {
      settings.logger.warn(`lava-gateway: request ${this.#order.record.request_id} is settled, and stays in the journal:`, error) // prettier-ignore
      onLeft()
    }
  }
}

function waitFor(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds).unref())
}

function perform(adapter: StorageAdapter, order: SettleOrder, parts: MeasuredParts): Promise<RequestRecord | null> {
  return order.kind === 'settle' ? settleMeasured(adapter, order, parts) : releaseHeld(adapter, order)
}

async function releaseHeld(
  adapter: StorageAdapter,
  { record, fingerprint, opens }: Extract<SettleOrder, { kind: 'release' }>,
): Promise<RequestRecord | null> {
  const ended = opens
    ? await adapter.settle({ record, fingerprint, charge: zeroMoney, opens, total: null })
    : await adapter.release({ record, lost: false })
  return 'record' in ended ? ended.record : null
} // prettier-ignore
