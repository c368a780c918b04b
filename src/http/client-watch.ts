// The client watch: notices once that nobody waits for the answer any more: the caller left, or the host answered itself.
import type { ServerResponse } from 'node:http'
import { Duplex } from 'node:stream'

export interface ClientWatch {
  readonly gone: boolean
  /** Called once, at once when the caller has left already. */
  onGone(listener: () => void): void
  /** Stops watching: the answer is finished. */
  end(): void
}

export function watchClient(res: ServerResponse): ClientWatch {
  const listeners: (() => void)[] = []
  // Whoever watches has not answered yet: an answer that went whole is another's, such as a time limit's of the host.
  let gone = isClosed(res)
  const leave = () => {
    if (gone) return
    gone = true
    for (const listener of listeners) listener()
  }
  res.on('close', leave)
  // A write into a socket that died meanwhile: the same news, told earlier.
  res.on('error', leave)
  return {
    get gone() {
      return gone || res.writableEnded
    },
    onGone(listener) {
      if (gone || res.writableEnded) listener()
      else listeners.push(listener)
    },
    end() {
      res.off('close', leave)
      listeners.length = 0
    },
  }
}

/** Whether the connection, or HTTP/2's stream, is closed: its `close` event may have been before anybody listened. */
export function isClosed(res: ServerResponse): boolean {
  // Node's HTTP/2 compatibility response has no `destroyed`.
  const stream: unknown = 'stream' in res ? res.stream : undefined
  return res.destroyed || (stream instanceof Duplex && stream.destroyed)
}

/** Whether all of the answer was handed over. HTTP/2 finishes a stream that was cancelled, too. */
export function wentWhole(res: ServerResponse): boolean {
  return res.writableEnded && res.writableFinished
}
