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
   * What a power cut or a crash of the operating system can take. A process that is killed loses no act that has resolved,
   * whichever it is.
   *
   * - `full` (default): nothing that has resolved, but for a hold that is told of before (`durable_later`), whose call may then be at
   *   the provider; its answer waits. Each group of acts is flushed to the disk before its promises resolve, by Node's thread pool:
   *   the event loop goes on meanwhile, and groups that are committed during a flush share the next one. When a flush fails, the acts
   *   that waited for it reject, though they may have happened: repeated with their ids, they happen once. A disk that
   *   acknowledges before it has written (some consumer drives do) can still lose what has resolved.
   * - `normal`: the acts since the last checkpoint (up to 16 MB of writes, thousands of acts: a hold or settlement that has resolved may
   *   be gone, and a call be made without its charge). The file stays consistent: whole acts are lost, the last ones first.
   *
   * SQLite's `off`, with which a power cut can break the file, is not offered.
   */
  synchronous?: 'full' | 'normal' | undefined
  /**
   * How long a group of acts waits for another process that is writing to the file, before all of it rejects. Default 5000.
   * The event loop waits with it.
   */
  busyTimeoutMs?: number | undefined
}

/**
 * Keeps balances and records in one SQLite file in WAL mode. Several processes on one machine may share the file; it must not
 * lie on a network drive.
 *
 * The acts that come in one turn of the event loop, at most 128, are written in one transaction. Each is still an act of its
 * own: one that throws fails alone, and each resolves, in the order in which they came, once the transaction is committed and, with
 * `synchronous: 'full'`, on the disk. What is committed is seen by all before that, and a hold with `durable_later` answered. When
 * the commit fails, the disk is full or another process keeps the file, all of them reject and none happened.
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
