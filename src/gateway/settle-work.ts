// Settle work: carries orders out, tries again while the storage is away, and keeps on disk what it could not take.
import type { Journal } from '../ledger/journal.ts'
import type { RequestRecord } from '../ledger/request-record.ts'
import type { StorageAdapter } from '../ledger/storage-adapter.ts'
import { zeroMoney } from '../money.ts'
import { Roster, type Listed } from '../roster.ts'
import type { Logger } from './logger.ts'
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
  /** Whose orders are being carried out, or wait in this process, by request. */
  waiting(): string[]
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
/** A storage that has not answered for so long, or twice as long, may be away; the order is on disk before anybody knows. */
const keepAfterMs = 1_000

export function createSettleWork(parts: SettleWorkParts): SettleWork {
  const { settings, storage, pricer, onLeft } = parts
  const { logger } = settings
  const waiting = new Roster<WaitingOrder>()
  let abandoned = false
  let watch: NodeJS.Timeout | undefined

  function carryOut(order: SettleOrder): Promise<RequestRecord | null> {
    return storage.use((adapter) => perform(adapter, order, { pricer, settings }))
  }

  function attempt(entry: WaitingOrder, number: number): Promise<RequestRecord | null> {
    return carryOut(entry.order).then(
      (record) => taken(entry, record),
      (error: unknown) => again(entry, number, error),
    )
  }

  function taken(entry: WaitingOrder, record: RequestRecord | null): RequestRecord | null {
    const { request_id } = entry.order.record
    waiting.delete(entry)
    entry.forget()
    if (record) settings.onRecord(record)
    else logger.error(`lava-gateway: request ${request_id} could not be finished: its hold is gone`)
    return record
  }

  async function again(entry: WaitingOrder, number: number, error: unknown): Promise<RequestRecord | null> {
    // Before anything is waited for: the process may be killed meanwhile.
    const isKept = entry.keep()
    const { request_id } = entry.order.record
    if (number === retryAfterMs.length) tellFailing(logger, request_id, isKept, error)
    const delayMs = retryAfterMs[number] ?? (isKept ? null : retryAfterMsMax)
    if (delayMs === null) {
      waiting.delete(entry)
      onLeft()
      return null
    }
    await waitFor(delayMs)
    if (!abandoned) return attempt(entry, number + 1)
    waiting.delete(entry)
    return null
  }

  /** One timer for all: hardly any order is still there when it comes. */
  function keepLate(): void {
    if (waiting.size === 0) {
      clearInterval(watch)
      watch = undefined
    }
    for (const entry of waiting.all()) entry.keepIfLate()
  }

  return {
    carryOut,
    waiting: () => waiting.all().map(({ order }) => order.record.request_id),
    finish(order) {
      if (abandoned) return Promise.resolve(null)
      const entry = new WaitingOrder(parts, order)
      waiting.add(entry)
      watch ??= setInterval(keepLate, keepAfterMs).unref()
      return attempt(entry, 0)
    },
    abandon() {
      abandoned = true
      clearInterval(watch)
      for (const entry of waiting.all()) entry.keep()
    },
  }
}

function tellFailing(logger: Logger, request_id: string, isKept: boolean, error: unknown): void {
  const state = isKept ? 'is in the journal' : 'is tried again'
  logger.error(`lava-gateway: request ${request_id} could not be written, and ${state}:`, error)
}

/** An order that is being carried out, and its entry in the journal. */
class WaitingOrder implements Listed {
  place = -1
  readonly order: SettleOrder
  readonly #parts: SettleWorkParts
  #isKept = false
  /** It was there a period ago. */
  #isLate = false

  constructor(parts: SettleWorkParts, order: SettleOrder) {
    this.#parts = parts
    this.order = order
  }

  /** @returns whether it is on disk. */
  keep(): boolean {
    const { journal, storageId, settings } = this.#parts
    const { request_id } = this.order.record
    if (this.#isKept || !journal) return this.#isKept
    try {
      journal.add({ request_id, order: waitingToJson({ storage_id: storageId(), order: this.order }) })
      this.#isKept = true
    } catch (error) {
      settings.logger.error(`lava-gateway: request ${request_id} could not be written to the journal:`, error)
    }
    return this.#isKept
  }

  /** To be called once a period. */
  keepIfLate(): void {
    if (this.#isLate) this.keep()
    this.#isLate = true
  }

  /** A failure leaves the entry, which is carried out once more: that changes nothing. */
  forget(): void {
    const { journal, settings, onLeft } = this.#parts
    if (!this.#isKept) return
    try {
      journal?.remove(this.order.record.request_id)
    } catch (error) {
      settings.logger.warn(`lava-gateway: request ${this.order.record.request_id} is settled, and stays in the journal:`, error) // prettier-ignore
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
