// PostgreSQL storage: balances and records in the host's database, for any number of instances.
import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { StorageAdapter } from '../ledger/storage-adapter.ts'
import { parseOptions } from '../option.ts'
import { actsOn } from './postgres-acts.ts'
import { documentsOf } from './postgres-documents.ts'
import { groupsOn } from './postgres-groups.ts'
import { readsOf } from './postgres-listings.ts'
import { repeatingQuery, type PostgresPool, type Query } from './postgres-pool.ts'
import { openSchema, quoted } from './postgres-schema.ts'
import { UnderWay } from './under-way.ts'

export type { PostgresConnection, PostgresPool } from './postgres-pool.ts'

export interface PostgresStorageOptions {
  /** A `Pool` of the package `pg`. It stays the host's: `close()` of the storage does not end it. */
  pool: PostgresPool
  /** Where the tables and functions live; created when missing. Default `lava`. Letters, digits and `_`. */
  schema?: string | undefined
}

/**
 * Keeps balances and records in PostgreSQL (tested with 15 and later; 12 has all that is used). Any number of processes may share the database and open it at once.
 * Each act on money is one function call on the server. The holds, settlements and releases that come in one turn of the event loop,
 * or while two earlier groups are under way, share a round trip and a commit, at most 64 at a time. Each is still an act of its
 * own: one that fails fails alone, and each resolves once it is committed.
 *
 * An act whose connection is cut is repeated on another one, and its outcome is that of the first time. Ids with the character
 * U+0000, which PostgreSQL can't store, or with half a surrogate pair are refused; in metadata and records both are kept.
 *
 * As durable as the pool's connections: with `synchronous_commit = off` a crash of the server may lose the last acts.
 *
 * @throws TypeError when an option is unknown or wrong.
 * @example
 * import { Pool } from 'pg'
 *
 * const pool = new Pool({ connectionString: process.env.DATABASE_URL })
 * lavaGateway({ storage: postgresStorage({ pool }) })
 */
export function postgresStorage(options: PostgresStorageOptions): StorageAdapter {
  const { pool, schema: name } = parseOptions(optionsSchema, options, 'postgresStorage')
  const underWay = new UnderWay()
  let opening: Promise<void> | null = null

  const query = repeatingQuery(pool)
  const track = <Answer>(work: () => Promise<Answer>): Promise<Answer> => {
    if (!opening) return Promise.reject(new Error('postgresStorage is closed: call open() first'))
    return underWay.add(opening.then(work))
  }
  const tracked: Query = (text, values, often) => track(() => query(text, values, often))
  // The pool tells of connections that end while nobody uses them, and replaces them itself.
  const ignoreIdle = (): void => undefined
  const forget = (): void => {
    opening = null
    pool.off?.('error', ignoreIdle)
  }
  const schema = quoted(name)
  const nextAttempt = namesOfAttempts()
  const groups = groupsOn(query, schema, track)

  return {
    async open() {
      if (!opening) pool.on?.('error', ignoreIdle)
      const attempt = (opening ??= openSchema(pool, name))
      try {
        await attempt
      } catch (error) {
        if (opening === attempt) forget()
        throw error
      }
    },
    async close() {
      const closing = opening
      groups.finish()
      if (closing) forget()
      // Whoever opened it is told of its failure.
      await closing?.catch(() => undefined)
      await underWay.ended()
    },
    ...actsOn(tracked, groups, schema, nextAttempt),
    ...readsOf(tracked, schema),
    ...documentsOf(tracked, schema, nextAttempt),
  }
}

/** Short, since each is stored: the instance's random name and a number. */
function namesOfAttempts(): () => string {
  const instance = randomUUID()
  let count = 0
  return () => `${instance}:${++count}`
}

const optionsSchema = z.strictObject({
  pool: z.custom<PostgresPool>(isPool, 'a Pool of the package `pg`, with `query` and `connect`'),
  schema: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]{0,62}$/, 'a name of 1 to 63 letters, digits and _, such as "lava"')
    .default('lava'),
})

function isPool(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    'query' in value &&
    typeof value.query === 'function' &&
    'connect' in value &&
    typeof value.connect === 'function'
  )
}
