// A disk for the SQLite log whose flushes end when the test says so, and how they end.
import { setImmediate as turn } from 'node:timers/promises'
import { expect } from 'vitest'
import type { Flush } from '../../src/storage/sqlite-log.ts'

/** A disk that writes when the test says so. */
export class SlowDisk {
  begun = 0
  #end: ((error: Error | null) => void) | null = null
  #begins: PromiseWithResolvers<void> = Promise.withResolvers()

  readonly flush: Flush = (_, done) => {
    expect(this.#end, 'one flush is under way at a time').toBeNull()
    this.begun++
    this.#end = done
    this.#begins.resolve()
  }

  /** Resolves when a flush is under way. */
  begins(): Promise<void> {
    return this.#begins.promise
  }

  /** Ends the flush that is under way, or the next. */
  async end(error: Error | null = null): Promise<void> {
    await this.begins()
    const end = this.#end
    this.#end = null
    this.#begins = Promise.withResolvers()
    end?.(error)
  }
}

/** Turns enough for whatever needs no disk. */
export async function someTurns(): Promise<void> {
  for (let count = 0; count < 10; count++) await turn()
}
