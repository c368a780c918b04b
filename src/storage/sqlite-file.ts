// The SQLite file: opened, set up and handed out as tables.
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as wait } from 'node:timers/promises'
import type { Tables } from './tables.ts'
import { preparing } from './sqlite-columns.ts'
import { documentTable } from './sqlite-documents.ts'
import { sqliteGroups } from './sqlite-groups.ts'
import { requestListings } from './sqlite-listings.ts'
import { SqliteLog, type Flush } from './sqlite-log.ts'
import { SqliteMemory } from './sqlite-memory.ts'
import { moneyTables } from './sqlite-money.ts'
import { Places } from './sqlite-places.ts'
import { requestTable } from './sqlite-requests.ts'
import { createTables } from './sqlite-schema.ts'
import { usageTable } from './sqlite-usage.ts'

export interface FileOptions {
  path: string
  synchronous: 'full' | 'normal'
  busyTimeoutMs: number
}

/** What tests set. */
export interface FileParts {
  /** How the log is brought to the disk. */
  flush?: Flush
  /** How many records may be without a place. */
  recentMax?: number
}

export async function openFile(options: FileOptions, { flush, recentMax }: FileParts = {}): Promise<Tables> {
  const database = openDatabase(options.path)
  try {
    const hasLog = await switchToWal(database, options.busyTimeoutMs)
    database.exec(`PRAGMA busy_timeout = ${options.busyTimeoutMs}`)
    database.exec(`PRAGMA wal_autocheckpoint = ${checkpointPages}`)
    createTables(database)
    const isFlushedHere = hasLog && options.synchronous === 'full'
    database.exec(`PRAGMA synchronous = ${isFlushedHere ? 'normal' : options.synchronous}`)
    return sqliteTables(database, isFlushedHere ? new SqliteLog(database, flush) : null, recentMax)
  } catch (error) {
    database.close()
    throw error
  }
}

/**
 * The log is written back when it has grown to 16 MB: pages that many acts write are then written back once, which took 15 % off
 * a hold and settle against SQLite's own 4 MB (measured in November 2026). The act that comes then waits for it.
 */
const checkpointPages = 4000

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

/**
 * Whether the database has a write-ahead log now: one in memory can't. While another process opens the file, SQLite can answer
 * "database is locked" to this pragma at once, whatever the busy timeout.
 */
async function switchToWal(database: DatabaseSync, busyTimeoutMs: number): Promise<boolean> {
  for (let waitedMs = 0; ; waitedMs += walRetryMs) {
    try {
      return database.prepare('PRAGMA journal_mode = WAL').get()?.journal_mode === 'wal'
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

/** The tables of an open database that `createTables` has been through. */
export function sqliteTables(database: DatabaseSync, log: SqliteLog | null, recentMax?: number): Tables {
  const prepare = preparing(database)
  const memory = new SqliteMemory(prepare)
  const groups = sqliteGroups(database, prepare, memory, log)
  return {
    async close() {
      groups.finish()
      try {
        await log?.close()
      } finally {
        database.close()
      }
    },
    transact: groups.carryOut,
    ...requestTable(prepare, memory, memory.add(new Places(prepare, recentMax))),
    ...moneyTables(prepare, memory),
    ...requestListings(prepare),
    ...usageTable(prepare),
    ...documentTable(prepare),
  }
}
