// The relay of an answer: every byte to the caller as it comes in, and a look at each on the way.
import type { ServerResponse } from 'node:http'
import type { ClientWatch } from './client-watch.ts'
import type { EventFilter } from './event-filter.ts'
import type { Answer, AnswerSink } from './exchange.ts'

/** Sees each chunk as it came, before any filter. */
export interface Tap {
  /** Must not throw. @returns how many of the first bytes are whole events that no filter takes out. */
  write(bytes: Uint8Array): number
}

/**
 * Relays until the answer ends, with back pressure while the caller is there and at full speed once it left.
 * Both ends are told exactly once.
 */
export class Relay implements AnswerSink {
  /** Whether the answer came whole. */
  readonly done: Promise<boolean>
  readonly #answer: Answer
  readonly #res: ServerResponse
  readonly #client: ClientWatch
  readonly #tap: Tap
  readonly #filter: EventFilter | null
  readonly #resolve: (complete: boolean) => void
  /** What came in this turn of the event loop. */
  #come: Buffer[] = []
  readonly #passAll = () => this.#passCome()

  /** @param filter takes events out on the way to the caller. Null: every byte passes. */
  constructor(answer: Answer, res: ServerResponse, client: ClientWatch, tap: Tap, filter: EventFilter | null) {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    this.done = promise
    this.#resolve = resolve
    this.#answer = answer
    this.#res = res
    this.#client = client
    this.#tap = tap
    this.#filter = filter
    const resume = () => answer.resume()
    res.on('drain', resume)
    client.onGone(resume)
    answer.readTo(this)
  }

  chunk(bytes: Buffer, isLast: boolean): void {
    if (isLast || bytes.length >= joinedBytesMax) {
      this.#passCome()
      this.#pass(bytes, isLast)
    }
    // One read often brings many events: looked at and written as one, they cost half as much (measured in November 2026).
    else if (this.#come.push(bytes) === 1) process.nextTick(this.#passAll)
  }

  end(complete: boolean): void {
    this.#passCome()
    this.#client.end()
    if (!this.#client.gone) this.#endFor(complete)
    this.#resolve(complete)
  }

  #passCome(): void {
    const [first] = this.#come
    if (!first) return
    const bytes = this.#come.length === 1 ? first : Buffer.concat(this.#come)
    this.#come = []
    this.#pass(bytes, false)
  }

  #pass(bytes: Buffer, isLast: boolean): void {
    const leftBytes = this.#tap.write(bytes)
    if (this.#client.gone) return
    try {
      const passed = this.#filter ? this.#filter.write(bytes, leftBytes) : bytes
      // With its last bytes at once, an answer needs one write less.
      if (isLast && !this.#filter) this.#res.end(passed)
      else if (passed.length > 0 && !this.#res.write(passed)) this.#answer.pause()
    } catch (error) {
      this.#giveUp(error)
    }
  }

  #endFor(complete: boolean): void {
    try {
      const held = this.#filter?.end() ?? nothing
      if (complete && held.length > 0) this.#res.end(held)
      else if (complete) this.#res.end()
      else {
        if (held.length > 0) this.#res.write(held)
        // A cut answer must not look whole: the caller's connection is cut too, after the bytes that came. Node writes what comes
        // in one turn at its end, and the callback of a host's own `write` may never be called.
        setImmediate(() => this.#res.destroy())
      }
    } catch (error) {
      this.#giveUp(error)
    }
  }

  /** A host's own `write` or `end` has thrown: its caller is given up, and the answer read on for its usage. */
  #giveUp(error: unknown): void {
    this.#res.destroy(error instanceof Error ? error : new Error(String(error)))
  }
}

const nothing = Buffer.alloc(0)

/** Larger pieces are no events that come close together, and to join them would only copy them. */
const joinedBytesMax = 16 * 1024
