// The replay: works off what is in the journal, of this process or one before it, once the storage answers again.
import type { Journal } from '../ledger/journal.ts'
import type { Logger } from './logger.ts'
import type { Settings } from './options.ts'
import { orderOfJson, type SettleOrder } from './settle-order.ts'
import type { SettleWork } from './settle-work.ts'

export interface Replay {
  /** Looks into the journal now, and then on while something is in it. */
  start(): void
  stop(): void
  /** Something was left in the journal. */
  wake(): void
}

interface ReplayParts {
  settings: Settings<never>
  journal: Journal | null
  work: SettleWork
}

const againAfterMs = { first: 1_000, longest: 60_000 }
const batch = 100
const failuresInARowMax = 5

interface WorkOff {
  work: SettleWork
  logger: Logger
}

interface Seen {
  finished: number
  unread: number
  failed: number
  failedInARow: number
}

export function createReplay({ settings, journal, work }: ReplayParts): Replay {
  const { logger } = settings
  let timer: NodeJS.Timeout | null = null
  let running = false

  /**
   * Whether nothing is left that could be tried again. What can't be read (another version's) or carried out stays, and must not
   * stand in the way of the rest.
   */
  async function workOff(): Promise<boolean> {
    const seen = { finished: 0, unread: 0, failed: 0, failedInARow: 0 }
    for (;;) {
      const entries = journal?.entries(batch, seen.unread + seen.failed) ?? []
      for (const entry of entries) await workOffOne(entry.order, seen, { work, logger })
      // So many in a row: it is the storage, and not the entries.
      if (entries.length < batch || seen.failedInARow >= failuresInARowMax) break
    }
    if (seen.finished > 0) logger.info(`lava-gateway: ${seen.finished} requests of the journal were settled`)
    if (seen.unread > 0)
      logger.error(`lava-gateway: ${seen.unread} entries of the journal can’t be read by this version`)
    return seen.failed === 0
  }

  function schedule(delayMs: number): void {
    if (!running || timer) return
    timer = setTimeout(() => {
      timer = null
      const again = () => schedule(Math.min(Math.max(delayMs, againAfterMs.first) * 2, againAfterMs.longest))
      workOff().then(
        (done) => {
          if (!done) again()
        },
        (error: unknown) => {
          logger.error('lava-gateway: the journal can’t be read:', error)
          again()
        },
      )
    }, delayMs).unref()
  }

  return {
    start() {
      running = true
      schedule(0)
    },
    stop() {
      running = false
      if (timer) clearTimeout(timer)
      timer = null
    },
    wake: () => schedule(againAfterMs.first),
  }
}

async function workOffOne(json: unknown, seen: Seen, { work, logger }: WorkOff): Promise<void> {
  if (seen.failedInARow >= failuresInARowMax) return
  const order = orderOf(json)
  if (!order) {
    seen.unread++
    return
  }
  try {
    await work.carryOut(order)
    seen.finished++
    seen.failedInARow = 0
  } catch (error) {
    seen.failed++
    seen.failedInARow++
    logger.warn(`lava-gateway: request ${order.record.request_id} stays in the journal:`, error)
  }
}

function orderOf(json: unknown): SettleOrder | null {
  try {
    return orderOfJson(json)
  } catch {
    return null
  }
}
