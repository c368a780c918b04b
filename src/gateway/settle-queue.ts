// The settle queue: settlements that nobody waits for, kept back for some milliseconds, so that they are written with the next hold.
import { setImmediate as turn } from 'node:timers/promises'

export interface SettleQueue {
  /** Runs it when the next hold is made, or after `waitMsMax`. */
  add(settle: () => void): void
  /** Runs all that waits, now. */
  flush(): void
  /** The same, for whoever reads next: resolves when a storage that writes what came in one turn has written it. */
  flushed(): Promise<void>
}

/** Longer than most calls need to follow each other under load, and shorter than anybody notices. */
const waitMsMax = 5

/**
 * A storage that writes what comes at once in one transaction (SQLite) then has one a call instead of two. A process that is killed
 * meanwhile leaves a pending record, as one that is killed a moment before its settlement does.
 */
export function createSettleQueue(): SettleQueue {
  let waiting: (() => void)[] = []
  let timer: NodeJS.Timeout | undefined

  function flush(): void {
    if (waiting.length === 0) return
    clearTimeout(timer)
    const due = waiting
    waiting = []
    for (const settle of due) settle()
  }

  return {
    add(settle) {
      waiting.push(settle)
      if (waiting.length === 1) timer = setTimeout(flush, waitMsMax)
    },
    flush,
    async flushed() {
      flush()
      await turn()
    },
  }
}
