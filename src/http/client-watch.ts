// The client watch: notices once that nobody waits for the answer any more: the caller left, or the host answered itself.
import type { ServerResponse } from 'node:http'
import { Duplex } from 'node:stream'

export class ClientWatch {
  readonly #res: ServerResponse
  #listeners: (() => void)[] = []
  #hasLeft: boolean
  #isWatching = true

  /** Whoever watches has not answered yet: an answer that went whole is another's, such as a time limit's of the host. */
  constructor(res: ServerResponse) {
    this.#res = res
    this.#hasLeft = isClosed(res)
    const leave = () => this.#leave()
    res.on('close', leave)
    // A write into a socket that died meanwhile: the same news, told earlier.
    res.on('error', leave)
  }

  get gone(): boolean {
    return this.#hasLeft || this.#res.writableEnded
  }

  /** Called once, at once when the caller has left already. */
  onGone(listener: () => void): void {
    if (this.gone) listener()
    else this.#listeners.push(listener)
  }

  /** Stops watching: the answer is finished. */
  end(): void {
    this.#isWatching = false
    this.#listeners = []
  }

  #leave(): void {
    if (this.#hasLeft || !this.#isWatching) return
    this.#hasLeft = true
    for (const listener of this.#listeners) listener()
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
