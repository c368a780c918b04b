// Health: whether the storage answers, and what waits for it.
import type { Clock } from '../clock.ts'

export interface Health {
  /** `degraded`: the storage does not answer, or settlements wait in the journal. */
  status: 'ok' | 'degraded' | 'closing'
  storage: {
    reachable: boolean
    /** ISO 8601; null while it answers. */
    failing_since: string | null
    /** What the last failure said; null while it answers. */
    last_error: string | null
  }
  /** Requests that are held and not yet finished. */
  open_requests: number
  /** Settlements on this machine's disk that the storage has not taken. Null: the journal can't be read. */
  journaled: number | null
}

/** Watches every act on the storage. */
export interface StorageWatch {
  succeeded(): void
  failed(error: unknown): void
  state(): Health['storage']
}

export function createStorageWatch(clock: Clock): StorageWatch {
  let failing_since: string | null = null
  let last_error: string | null = null
  return {
    succeeded() {
      failing_since = null
      last_error = null
    },
    failed(error) {
      failing_since ??= new Date(clock()).toISOString()
      last_error = error instanceof Error ? error.message : String(error)
    },
    state: () => ({ reachable: failing_since === null, failing_since, last_error }),
  }
}
