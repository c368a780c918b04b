// The lifetime of a gateway: what begins when its storage opens, how it does, and how it ends.
import type { Journal } from '../ledger/journal.ts'
import type { Health, StorageWatch } from './health.ts'
import type { OpenRequests } from './open-requests.ts'
import type { Opening } from './opening.ts'
import type { Settings } from './options.ts'
import type { Recovery } from './recover.ts'
import type { Replay } from './replay.ts'
import type { SettleQueue } from './settle-queue.ts'
import type { SettleWork } from './settle-work.ts'

export interface Lifetime {
  begin: () => void
  /** Whether `close` was called: no new calls are taken. */
  closing: () => boolean
  /** Whether the storage answers, and what waits for it; for the host's own health check. */
  health: () => Health
  /**
   * Takes no new calls, waits until the running ones are settled, breaks off those that take longer than `closeTimeoutMs`, then
   * closes the storage.
   */
  close: () => Promise<CloseReport>
}

export interface CloseReport {
  /** Requests that were not finished in time. Their holds expire, and recovery finishes them. */
  left_open: number
  /** Settlements that the storage did not take. The next start settles them. */
  left_in_journal: number
}

interface LifetimeParts {
  settings: Settings<never>
  requests: OpenRequests
  opening: Opening
  recovery: Recovery
  replay: Replay
  work: SettleWork
  queue: SettleQueue
  /** Breaks off what still runs; its usage is then known as far as it came. */
  breakOff: () => void
  journal: Journal | null
  watch: StorageWatch
}

/** How long after its connections are cut a request may take to be settled. */
const brokenOffMs = 2_000

export function createLifetime(parts: LifetimeParts): Lifetime {
  const { settings, requests, opening, recovery, replay, work, queue, breakOff, journal, watch } = parts
  let closed: Promise<CloseReport> | null = null

  async function close(): Promise<CloseReport> {
    // An opening under way would start recovery after it was stopped, and leave the storage open.
    await within(opening.settled(), settings.closeTimeoutMs)
    recovery.stop()
    replay.stop()
    const drained = await within(requests.idle(), settings.closeTimeoutMs)
    breakOff()
    if (!drained) await within(requests.idle(), brokenOffMs)
    queue.flush()
    work.abandon()
    const left_in_journal = journaled(journal) ?? 0
    // Without a journal, what waits is lost with this process, and left to recovery.
    const left_open = requests.count() + (journal ? 0 : work.waiting().length)
    const report = { left_open, left_in_journal }
    await opening.closeStorage()
    journal?.close()
    return report
  }

  return {
    begin() {
      // First what waits on disk: it knows the exact charge of holds that recovery would only give up.
      void replay.start().then(() => {
        if (!closed) recovery.start()
      })
    },
    closing: () => closed !== null,
    health() {
      const storage = watch.state()
      const waiting = journaled(journal)
      const degraded = !storage.reachable || waiting === null || waiting > 0
      const status = closed ? 'closing' : degraded ? 'degraded' : 'ok'
      return { status, storage, open_requests: requests.count(), journaled: waiting }
    },
    close: () => (closed ??= close()),
  }
}

/** Null: it can't be read. */
function journaled(journal: Journal | null): number | null {
  try {
    return journal?.size() ?? 0
  } catch {
    return null
  }
}

/** Whether it was done in time. */
async function within(work: Promise<void>, milliseconds: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const timer = setTimeout(() => resolve(false), milliseconds)
  const done = await Promise.race([work.then(() => true), promise])
  clearTimeout(timer)
  return done
}
