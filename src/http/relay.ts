// The relay of an answer: every byte to the caller as it comes in, and a look at each on the way.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ClientWatch } from './client-watch.ts'

export interface RelayOptions {
  client: ClientWatch
  /** Sees each chunk; must not throw. */
  tap: (chunk: Uint8Array) => void
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
  { client, tap }: RelayOptions,
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
        // A cut answer must not look whole: the caller's connection is cut too.
        if (complete) res.end()
        else res.destroy()
      }
      resolve(complete)
    }
    answer.on('data', (chunk: Buffer) => {
      tap(chunk)
      if (!client.gone && !res.write(chunk)) answer.pause()
    })
    answer.on('end', () => finish(answer.complete))
    answer.on('close', () => finish(answer.complete))
    answer.on('error', () => finish(false))
    res.on('drain', resume)
    client.onGone(resume)
  })
}
