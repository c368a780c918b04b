// The replay: works off what is in the journal, of this process or one before it, once the storage answers again.
import type { Journal } from '../ledger/journal.ts'
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

export function createReplay({ settings, journal, work }: ReplayParts): Replay {
  const { logger } = settings
  let timer: NodeJS.Timeout | null = null
  let running = false

  /** Resolves with the number that was finished; rejects when the storage is away. */
  async function workOff(): Promise<number> {
    let finished = 0
    // What can't be read (another version's) stays, and must not stand in the way of the rest.
    let unread = 0
    for (;;) {
      const entries = journal?.entries(batch, unread) ?? []
      for (const entry of entries) {
        const order = orderOf(entry.order)
        if (order) {
          await work.carryOut(order)
          finished++
        } else unread++
      }
      if (entries.length < batch) break
    }
    if (unread > 0) logger.error(`lava-gateway: ${unread} entries of the journal can’t be read by this version`)
    return finished
  }

  function schedule(delayMs: number): void {
    if (!running || timer) return
    timer = setTimeout(() => {
      timer = null
      workOff().then(
        (finished) => {
          if (finished > 0) logger.info(`lava-gateway: ${finished} requests of the journal were settled`)
        },
        () => schedule(Math.min(Math.max(delayMs, againAfterMs.first) * 2, againAfterMs.longest)),
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

function orderOf(json: unknown): SettleOrder | null {
  try {
    return orderOfJson(json)
  } catch {
    return null
  }
}
