// The SQLite log on its way to the disk: flushed by the thread pool, while the event loop goes on.
import assert from 'node:assert/strict'
import { closeSync, fdatasync, openSync, readSync, writeSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'

/** Calls back once all that the file holds is on the disk. */
export type Flush = (fd: number, done: (error: Error | null) => void) => void

/**
 * The write-ahead log of an open database. SQLite's own `synchronous = FULL` flushes it inside COMMIT, and the event loop waits for
 * the disk. With `NORMAL` and a flush after COMMIT the same is on the disk: a log is read back as far as its checksums hold, and
 * SQLite still flushes it by itself when it is begun and before it is written back.
 */
export class SqliteLog {
  readonly #fd: number
  readonly #flush: Flush
  #running: PromiseWithResolvers<void> | null = null
  /** Covers what was committed after the running one began. */
  #next: PromiseWithResolvers<void> | null = null
  #isSuspect = false
  /** A flush has failed, and none has succeeded since: what is committed is not to be relied on before it is flushed. */
  isFailing = false

  /** The log must be there, which it is when a table was read in WAL mode, and stays while the database is open. */
  constructor(database: DatabaseSync, flush: Flush = fdatasync) {
    const databases = database.prepare('PRAGMA database_list').all()
    const file = databases.find(({ name }) => name === 'main')?.file
    assert.ok(typeof file === 'string', 'the database is a file')
    // For writing, without which Windows flushes nothing. Closing it harms no lock: SQLite has none on this one of its files.
    this.#fd = openSync(`${file}-wal`, 'r+')
    this.#flush = flush
  }

  /** Whether a flush is under way; another one can't begin before it has ended. */
  get isBusy(): boolean {
    return this.#running !== null
  }

  /**
   * Resolves once what is committed by now is on the disk. When a flush fails, all that was committed by then rejects: what comes
   * later in the log is lost with what comes before.
   */
  flushed(): Promise<void> {
    this.#next ??= Promise.withResolvers()
    const { promise } = this.#next
    this.#start()
    return promise
  }

  #start(): void {
    if (this.#running || !this.#next) return
    const running = (this.#running = this.#next)
    this.#next = null
    this.#flush(this.#fd, (error) => {
      this.#running = null
      if (error) this.#fail(running, error)
      else {
        this.isFailing = false
        running.resolve()
      }
      // After those who hear of the end and commit what they have kept back, so that the next flush covers it.
      if (this.#next) queueMicrotask(() => setImmediate(() => this.#start()))
    })
  }

  #fail(running: PromiseWithResolvers<void>, error: Error): void {
    this.#isSuspect = this.isFailing = true
    const failed = new Error('what was committed could not be brought to the disk, and may be lost', { cause: error })
    running.reject(failed)
    this.#next?.reject(failed)
    this.#next = null
  }

  /**
   * Writes the log anew over itself after a failed flush, since the system may count what it could not write as written, and the
   * next flush would leave it out. To be called with SQLite's write lock and before a COMMIT, which might write the log back.
   */
  mend(): void {
    if (!this.#isSuspect) return
    const chunk = Buffer.alloc(1 << 20)
    let at = 0
    let length
    while ((length = readSync(this.#fd, chunk, 0, chunk.length, at)) > 0)
      at += writeSync(this.#fd, chunk, 0, length, at)
    this.#isSuspect = false
  }

  /** Waits for what is under way. */
  async close(): Promise<void> {
    await Promise.allSettled([this.#running?.promise, this.#next?.promise])
    closeSync(this.#fd)
  }
}
