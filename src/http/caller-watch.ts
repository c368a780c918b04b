// The caller of a fetch: notices once that it lost interest, by its signal or by cancelling the body.

export interface CallerWatch {
  readonly gone: boolean
  /** Rejects with the signal's reason when that aborts; else it stays open. */
  readonly aborted: Promise<never>
  /** Called once, at once when the caller has left already. `byAbort`: its signal says so, and a body it reads must fail. */
  onGone(listener: (leaving: Leaving) => void): void
  /** It cancelled the body. */
  leave(): void
  /** Stops watching: the answer is finished. A signal often outlives many calls. */
  end(): void
}

export interface Leaving {
  byAbort: boolean
  reason: unknown
}

export function watchCaller(signal: AbortSignal | null): CallerWatch {
  const listeners: ((leaving: Leaving) => void)[] = []
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  // Where nobody waits for the answer any more, the abort is told by the body.
  aborted.catch(() => undefined)
  let left: Leaving | null = null

  function go(leaving: Leaving): void {
    if (left) return
    left = leaving
    for (const listener of listeners) listener(leaving)
  }

  const onAbort = () => {
    const reason: unknown = signal?.reason
    reject(reason)
    go({ byAbort: true, reason })
  }
  if (signal?.aborted) onAbort()
  else signal?.addEventListener('abort', onAbort, { once: true })
  return {
    get gone() {
      return left !== null
    },
    aborted,
    onGone(listener) {
      if (left) listener(left)
      else listeners.push(listener)
    },
    leave: () => go({ byAbort: false, reason: undefined }),
    end() {
      signal?.removeEventListener('abort', onAbort)
      listeners.length = 0
    },
  }
}
