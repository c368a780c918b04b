// The client watch: notices once that the caller left before the answer was complete.
import type { ServerResponse } from 'node:http'

export interface ClientWatch {
  readonly gone: boolean
  /** Called once, at once when the caller has left already. */
  onGone(listener: () => void): void
  /** Stops watching: the answer is finished. */
  end(): void
}

export function watchClient(res: ServerResponse): ClientWatch {
  const listeners: (() => void)[] = []
  let gone = res.destroyed && !res.writableFinished
  const leave = () => {
    if (gone || res.writableFinished) return
    gone = true
    for (const listener of listeners) listener()
  }
  res.on('close', leave)
  // A write into a socket that died meanwhile: the same news, told earlier.
  res.on('error', leave)
  return {
    get gone() {
      return gone
    },
    onGone(listener) {
      if (gone) listener()
      else listeners.push(listener)
    },
    end() {
      res.off('close', leave)
      listeners.length = 0
    },
  }
}
