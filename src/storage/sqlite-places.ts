// SQLite places: where the records of a customer are, written down for many records at once.
import { integerOf, type Columns, type Prepare } from './sqlite-columns.ts'
import type { Remembered } from './sqlite-memory.ts'

/** So many records are looked through by whoever asks for a customer's: in less than a millisecond. */
const recentMax = 1000

/**
 * An index by customer took a fifth of what a call costs here (a hundred customers, November 2026): each customer's records are next
 * to each other in it, so that nearly every call wrote a page of it by itself. In thousands they share those pages, the more the
 * fewer the customers are. The records after the last one that has a place are few, and looked through instead.
 */
export class Places implements Remembered {
  readonly #recentMax: bigint
  readonly #read
  readonly #write
  readonly #place
  /** The last record that has a place; null: it has to be read. */
  #upTo: bigint | null = null
  #newest = 0n

  /** @param most how many records may be without a place. */
  constructor(prepare: Prepare, most = recentMax) {
    this.#recentMax = BigInt(most)
    this.#read = prepare(selectPlaced)
    this.#write = prepare('UPDATE lava_placed SET up_to = ?')
    this.#place = prepare(`${placing} AND sequence > ? AND sequence <= ? ORDER BY customer_id, sequence`)
  }

  /** A record was written for the first time. */
  added(sequence: bigint): void {
    this.#newest = sequence
  }

  flush(): void {
    if (this.#newest === 0n) return
    const upTo = (this.#upTo ??= placedUpTo(this.#read.get()))
    if (this.#newest - upTo < this.#recentMax) return
    // No more, even where others have left many: the event loop stands still meanwhile.
    const next = upTo + this.#recentMax
    this.#place.run(upTo, next)
    this.#write.run(next)
    this.#upTo = next
  }

  forget(): void {
    this.#upTo = null
    this.#newest = 0n
  }
}

export const selectPlaced = 'SELECT up_to FROM lava_placed'

/** What `selectPlaced` has found. */
export function placedUpTo(columns: Columns | undefined): bigint {
  if (!columns) throw new Error('lava_placed, which says up to which record each has its place, is empty')
  return integerOf(columns, 'up_to')
}

/** All records of customers; may be followed by further conditions. What has a place keeps it: no act shall fail for a listing's sake. */
export const placing = `INSERT OR REPLACE INTO lava_places (customer_id, sequence, created_at_ms)
  SELECT customer_id, sequence, created_at_ms FROM lava_requests WHERE customer_id IS NOT NULL`
