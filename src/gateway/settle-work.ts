// Settle work: carries orders out, tries again while the storage is away, and keeps on disk what it could not take.
import type { Journal } from '../ledger/journal.ts'
import type { RequestRecord } from '../ledger/request-record.ts'
import type { StorageAdapter } from '../ledger/storage-adapter.ts'
import { zeroMoney } from '../money.ts'
import type { Settings } from './options.ts'
import type { RecordPricer } from './priced-record.ts'
import { settleMeasured, type MeasuredParts } from './settle-measured.ts'
import { orderToJson, type SettleOrder } from './settle-order.ts'
import type { Storage } from './storage-access.ts'

export interface SettleWork {
  /** The finished record. Null: there is nothing to finish, or the storage stays away and the order is in the journal. */
  finish(order: SettleOrder): Promise<RequestRecord | null>
  /** Once, and takes it out of the journal. Rejects when the storage is away. */
  carryOut(order: SettleOrder): Promise<RequestRecord | null>
}

interface SettleWorkParts {
  settings: Settings<never>
  storage: Storage
  pricer: RecordPricer
  journal: Journal | null
  /** An order was left in the journal. */
  onLeft: () => void
}

/** How long after a failure the storage is tried again, before the order is left to the journal (or, without one, to recovery). */
const retryAfterMs = [50, 200, 1_000, 5_000]

export function createSettleWork({ settings, storage, pricer, journal, onLeft }: SettleWorkParts): SettleWork {
  const { logger } = settings

  function keep(order: SettleOrder): boolean {
    try {
      journal?.add({ request_id: order.record.request_id, order: orderToJson(order) })
      return journal !== null
    } catch (error) {
      logger.error(`lava-gateway: request ${order.record.request_id} could not be written to the journal:`, error)
      return false
    }
  }

  /** A failure leaves the entry, which is carried out once more: that changes nothing. */
  function forget(request_id: string): void {
    try {
      journal?.remove(request_id)
    } catch (error) {
      logger.warn(`lava-gateway: request ${request_id} is settled, and stays in the journal:`, error)
    }
  }

  async function perform(order: SettleOrder, kept: boolean): Promise<RequestRecord | null> {
    const record = await storage.use((adapter) => performIn(adapter, order, { pricer, settings }))
    if (kept) forget(order.record.request_id)
    if (record) settings.onRecord(record)
    else logger.error(`lava-gateway: request ${order.record.request_id} could not be finished: its hold is gone`)
    return record
  }

  return {
    async finish(order) {
      let kept = false
      for (const delayMs of [...retryAfterMs, null]) {
        try {
          return await perform(order, kept)
        } catch (error) {
          // Before anything is waited for: the process may be killed meanwhile.
          kept ||= keep(order)
          if (delayMs !== null) await new Promise((resolve) => setTimeout(resolve, delayMs))
          else logger.error(`lava-gateway: request ${order.record.request_id} could not be written and ${kept ? 'is in the journal' : 'stays pending'}:`, error)
        }
      }
      if (kept) onLeft()
      return null
    },
    carryOut: (order) => perform(order, true),
  } // prettier-ignore
}

async function performIn(adapter: StorageAdapter, order: SettleOrder, parts: MeasuredParts): Promise<RequestRecord | null> {
  if (order.kind === 'settle') return settleMeasured(adapter, order, parts)
  const { record, fingerprint, opens } = order
  const ended = opens
    ? await adapter.settle({ record, fingerprint, charge: zeroMoney, opens, total: null })
    : await adapter.release({ record, lost: false })
  return 'record' in ended ? ended.record : null
} // prettier-ignore
