// SQLite storage: balances and records in one file beside the process, on Node's own SQLite.
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as wait } from 'node:timers/promises'
import { z } from 'zod'
import type { StorageAdapter } from '../ledger/storage-adapter.ts'
import { parseOptions } from '../option.ts'
import { embeddedStorage, type Tables } from './embedded.ts'
import { documentTable } from './sqlite-documents.ts'
import { requestListings } from './sqlite-listings.ts'
import { createTables, rollBack } from './sqlite-schema.ts'
import { moneyTables, preparing, requestTable } from './sqlite-tables.ts'

export interface SqliteStorageOptions {
  /** The database file, made when missing; its folder must exist. `':memory:'` keeps nothing beyond `close()`. */
  path: string
  /**
   * `full` (default): an act is on disk before its promise resolves. `normal`: faster; safe when the process is killed, but a
   * power cut may lose the last acts.
   */
  synchronous?: 'full' | 'normal' | undefined
  /** How long an act waits for another process that is writing to the file. Default 5000. The event loop waits with it. */
  busyTimeoutMs?: number | undefined
}

/**
 * Keeps balances and records in one SQLite file in WAL mode. Several processes on one machine may share the file; it must not
 * lie on a network drive.
 *
 * @throws TypeError when an option is unknown or wrong.
 * @example
 * lavaGateway({ storage: sqliteStorage({ path: 'lava.db' }) })
 */
export function sqliteStorage(options: SqliteStorageOptions): StorageAdapter {
  const parsed = parseOptions(optionsSchema, options, 'sqliteStorage')
  return embeddedStorage('sqliteStorage', () => openTables(parsed))
}

const optionsSchema = z.strictObject({
  path: z.string('the path of the database file, such as "lava.db", or ":memory:"').min(1, 'must not be empty'),
  synchronous: z.enum(['full', 'normal']).default('full'),
  busyTimeoutMs: z.int().nonnegative().max(600_000).default(5000),
})

type Options = z.output<typeof optionsSchema>

async function openTables(options: Options): Promise<Tables> {
  const database = openDatabase(options.path)
  try {
    await switchToWal(database, options.busyTimeoutMs)
    database.exec(`PRAGMA busy_timeout = ${options.busyTimeoutMs}`)
    database.exec(`PRAGMA synchronous = ${options.synchronous}`)
    createTables(database)
    return tablesOf(database)
  } catch (error) {
    database.close()
    throw error
  }
}

function openDatabase(path: string): DatabaseSync {
  try {
    return new DatabaseSync(path)
  } catch (error) {
    throw new Error(`sqliteStorage could not open ${JSON.stringify(path)}: its folder must exist and be writable`, {
      cause: error,
    })
  }
}

const walRetryMs = 25

/** While another process opens the file, SQLite can answer "database is locked" to this pragma at once, whatever the busy timeout. */
async function switchToWal(database: DatabaseSync, busyTimeoutMs: number): Promise<void> {
  for (let waitedMs = 0; ; waitedMs += walRetryMs) {
    try {
      database.exec('PRAGMA journal_mode = WAL')
      return
    } catch (error) {
      if (!isBusy(error) || waitedMs >= busyTimeoutMs) throw error
    }
    await wait(walRetryMs)
  }
}

/** SQLITE_BUSY, the low byte of its extended codes. */
function isBusy(error: unknown): boolean {
  return (
    error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' && (error.errcode & 255) === 5
  )
}

function tablesOf(database: DatabaseSync): Tables {
  const prepare = preparing(database)
  const begin = prepare('BEGIN IMMEDIATE')
  const commit = prepare('COMMIT')
  // The one place where a transaction begins and ends.
  const inTransaction = <Result>(act: () => Result): Result => {
    begin.run()
    try {
      const result = act()
      commit.run()
      return result
    } catch (error) {
      rollBack(database, error)
      throw error
    }
  }
  return {
    close: () => database.close(),
    transact: (act) => new Promise((resolve) => resolve(inTransaction(act))),
    ...requestTable(prepare),
    ...moneyTables(prepare),
    ...requestListings(prepare),
    ...documentTable(prepare),
  }
}
