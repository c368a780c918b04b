// The replay: works off what is in the journal, of this process or another of this machine, once the storage answers.
import type { Journal, JournalEntry } from '../ledger/journal.ts'
import type { Settings } from './options.ts'
import { waitingOfJson, type WaitingOrder } from './settle-order.ts'
import type { SettleWork } from './settle-work.ts'
import type { Storage } from './storage-access.ts'

export interface Replay {
  /** Works the journal off now, and looks into it every minute. Resolves after the first round, whatever came of it. */
  start(): Promise<void>
  stop(): void
  /** Something was left in the journal. */
  wake(): void
  /** The requests of this storage that wait in the journal: their holds are still needed. */
  waiting(): string[]
}

interface ReplayParts {
  settings: Settings<never>
  storage: Storage
  journal: Journal | null
  work: SettleWork
  storageId: () => string | null
}

const againAfterMs = { first: 1_000, longest: 60_000 }
const batch = 100

export function createReplay(parts: ReplayParts): Replay {
  const { logger } = parts.settings
  let timer: NodeJS.Timeout | null = null
  let running = false

  /** @returns whether all was worked off that this storage may take. */
  async function round(): Promise<boolean> {
    const seen: Seen = { finished: 0, unread: 0, failed: 0, passed: 0 }
    try {
      for (let whole = true; whole;) {
        const entries = parts.journal?.entries(batch, seen.passed) ?? []
        for (const entry of entries) await workOff(entry, seen, parts)
        whole = entries.length === batch
      }
    } catch (error) {
      logger.warn('lava-gateway: the journal is worked off later:', error)
      return false
    }
    if (seen.finished > 0) logger.info(`lava-gateway: ${seen.finished} requests of the journal were settled`)
    if (seen.unread > 0)
      logger.error(`lava-gateway: ${seen.unread} entries of the journal can’t be read by this version`)
    return seen.failed === 0
  }

  function schedule(delayMs: number): void {
    if (!running || !parts.journal || timer) return
    timer = setTimeout(() => {
      timer = null
      void round().then((done) => {
        const { first, longest } = againAfterMs
        schedule(done ? longest : Math.min(Math.max(delayMs, first) * 2, longest))
      })
    }, delayMs).unref()
  }

  return {
    async start() {
      running = true
      const done = await round()
      schedule(done ? againAfterMs.longest : againAfterMs.first)
    },
    stop() {
      running = false
      if (timer) clearTimeout(timer)
      timer = null
    },
    wake() {
      if (timer) clearTimeout(timer)
      timer = null
      schedule(againAfterMs.first)
    },
    waiting: () => waitingIn(parts),
  }
}

interface Seen {
  finished: number
  unread: number
  failed: number
  /** Entries that stay: they must not stand in the way of those behind them. */
  passed: number
}

/** @throws what the storage threw, when it is away: an entry's own fault is passed over. */
async function workOff({ request_id, order: json }: JournalEntry, seen: Seen, parts: ReplayParts): Promise<void> {
  const { settings, journal, work, storage } = parts
  const waiting = waitingOf(json)
  if (!waiting) seen.unread++
  if (!waiting || !isOwn(waiting, parts)) {
    seen.passed++
    return
  }
  try {
    const record = await work.carryOut(waiting.order)
    // A release whose answer was lost: what it should free is free.
    if (!record && waiting.order.kind === 'settle') throw new Error('its hold is gone')
    journal?.remove(request_id)
    if (!record) return
    seen.finished++
    settings.onRecord(record)
  } catch (error) {
    // Is it the storage, or this entry alone?
    await storage.use((adapter) => adapter.request(request_id))
    seen.failed++
    seen.passed++
    settings.logger.error(`lava-gateway: request ${request_id} stays in the journal:`, error)
  }
}

/** An order of another app's, which shares the folder, is none of ours. */
function isOwn({ storage_id }: WaitingOrder, { storageId }: ReplayParts): boolean {
  return storage_id === null || storage_id === storageId()
}

function waitingIn(parts: ReplayParts): string[] {
  const entries = parts.journal?.entries(batch) ?? []
  return entries.flatMap(({ request_id, order }) => {
    const waiting = waitingOf(order)
    return waiting && isOwn(waiting, parts) ? [request_id] : []
  })
}

function waitingOf(json: unknown): WaitingOrder | null {
  try {
    return waitingOfJson(json)
  } catch {
    return null
  }
}
