// What an SQLite connection remembers of its file: rows that it need not read again, and values written once a group.
import type { Prepare } from './sqlite-columns.ts'

/** One kind of thing that is remembered. */
export interface Remembered {
  /** Writes what has been kept back. */
  flush(): void
  forget(): void
}

/**
 * Decides when what is remembered may be believed: only inside a transaction, whose lock keeps others from writing, and only while
 * no other connection has committed since.
 */
export class SqliteMemory implements Remembered {
  readonly #version
  readonly #kinds: Remembered[] = []
  #seen: unknown = null
  #isTrue = false

  constructor(prepare: Prepare) {
    this.#version = prepare('PRAGMA data_version')
  }

  add<Kind extends Remembered>(kind: Kind): Kind {
    this.#kinds.push(kind)
    return kind
  }

  /** Whether to ask it; otherwise the file has to be read. */
  get isTrue(): boolean {
    return this.#isTrue
  }

  /** The lock is taken. */
  begin(): void {
    const version = this.#version.get()?.data_version
    if (version === undefined || version !== this.#seen) this.forget()
    this.#seen = version
    this.#isTrue = true
  }

  flush(): void {
    for (const kind of this.#kinds) kind.flush()
  }

  /** The transaction is over. */
  end(): void {
    this.#isTrue = false
  }

  /** What was remembered of a transaction that is undone never happened. */
  forget(): void {
    for (const kind of this.#kinds) kind.forget()
  }
}

/** Of each kind: some megabytes. The oldest are read again. */
const rememberedMax = 10_000

/** Rows by their keys, all of which have been written. */
export class KnownRows<Row> extends Map<string, Row> implements Remembered {
  flush(): void {
    trim(this)
  }

  forget(): void {
    this.clear()
  }
}

/** After a group, never amid it: what an act has read is still there for its write. */
function trim(entries: Map<string, unknown>): void {
  if (entries.size <= rememberedMax) return
  for (const id of entries.keys()) {
    if (entries.size <= rememberedMax) return
    entries.delete(id)
  }
}

interface Entry<Key, Value> {
  key: Key
  value: Value
  isWritten: boolean
}

/** Values of which the last one is written, before COMMIT, however many acts of the group changed it. */
export class LateWrites<Key, Value> implements Remembered {
  readonly #entries = new Map<string, Entry<Key, Value>>()
  readonly #unwritten: Entry<Key, Value>[] = []
  readonly #write: (key: Key, value: Value) => void

  constructor(write: (key: Key, value: Value) => void) {
    this.#write = write
  }

  get(id: string): Value | undefined {
    return this.#entries.get(id)?.value
  }

  /** What was read. */
  learn(id: string, key: Key, value: Value): void {
    this.#entries.set(id, { key, value, isWritten: true })
  }

  /** What shall be written. */
  put(id: string, key: Key, value: Value): void {
    let entry = this.#entries.get(id)
    if (entry) entry.value = value
    else this.#entries.set(id, (entry = { key, value, isWritten: true }))
    if (!entry.isWritten) return
    entry.isWritten = false
    this.#unwritten.push(entry)
  }

  flush(): void {
    for (const entry of this.#unwritten) {
      this.#write(entry.key, entry.value)
      entry.isWritten = true
    }
    this.#unwritten.length = 0
    trim(this.#entries)
  }

  forget(): void {
    this.#entries.clear()
    this.#unwritten.length = 0
  }
}
