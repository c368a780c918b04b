// SQLite storage: balances and records in one file beside the process, on Node's own SQLite.
import { z } from 'zod'
import type { StorageAdapter } from '../ledger/storage-adapter.ts'
import { parseOptions } from '../option.ts'
import { embeddedStorage } from './embedded.ts'
import { openFile } from './sqlite-file.ts'

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
  return embeddedStorage('sqliteStorage', () => openFile(parsed))
}

const optionsSchema = z.strictObject({
  path: z.string('the path of the database file, such as "lava.db", or ":memory:"').min(1, 'must not be empty'),
  synchronous: z.enum(['full', 'normal']).default('full'),
  busyTimeoutMs: z.int().nonnegative().max(600_000).default(5000),
})
