// The relay of an answer: every byte to the caller as it comes in, and a look at each on the way.
import type { ServerResponse } from 'node:http'
import type { ClientWatch } from './client-watch.ts'
import type { EventFilter } from './event-filter.ts'
import type { Answer } from './exchange.ts'

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
  answer: Answer,
  res: ServerResponse,
  { client, tap, filter }: RelayOptions,
): Promise<boolean> {
  return new Promise((resolve) => {
    const resume = () => answer.resume()
    res.on('drain', resume)
    client.onGone(resume)
    answer.readTo({
      chunk(bytes, isLast) {
        const isLeft = tap(bytes)
        if (client.gone) return
        const passed = filter ? filter.write(bytes, isLeft) : bytes
        // With its last bytes at once, an answer needs one write less.
        if (isLast && !filter) res.end(passed)
        else if (passed.length > 0 && !res.write(passed)) answer.pause()
      },
      end(complete) {
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
      },
    })
  })
}
