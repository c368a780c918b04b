// The relay of an answer: every byte to the caller as it comes in, and a look at each on the way.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ClientWatch } from './client-watch.ts'
import type { EventFilter } from './event-filter.ts'

export interface RelayOptions {
  client: ClientWatch
  /** Sees each chunk as it came, before any filter; must not throw. Whether it is one whole event that no filter takes out. */
  tap: (chunk: Uint8Array) => boolean
  /** Takes events out on the way to the caller. Null: every byte passes. */
  filter: EventFilter | null
}

/**
 * Relays until the answer ends, with back pressure while the caller is there and at full speed once it left.
 * Both ends are told exactly once.
 *
 * @returns whether the answer came whole.
 */
export function relayAnswer(
  answer: IncomingMessage,
  res: ServerResponse,
  { client, tap, filter }: RelayOptions,
): Promise<boolean> {
  return new Promise((resolve) => {
    let ended = false
    const resume = () => {
      answer.resume()
    }
    const finish = (complete: boolean) => {
      if (ended) return
      ended = true
      res.off('drain', resume)
      client.end()
      if (!client.gone) {
        const held = filter?.end()
        // A cut answer must not look whole: the caller's connection is cut too, after the bytes that came.
        if (complete) res.end(held)
        else if (held && held.length > 0) res.write(held, () => res.destroy())
        else res.destroy()
      }
      resolve(complete)
    }
    answer.on('data', (chunk: Buffer) => {
      const isLeft = tap(chunk)
      if (client.gone) return
      const passed = filter ? filter.write(chunk, isLeft) : chunk
      if (passed.length > 0 && !res.write(passed)) answer.pause()
    })
    answer.on('end', () => finish(answer.complete))
    answer.on('close', () => finish(answer.complete))
    answer.on('error', () => finish(false))
    res.on('drain', resume)
    client.onGone(resume)
  })
}
