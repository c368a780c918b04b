// The one database of all processes: PostgreSQL at DATABASE_URL, else a SQLite file that they share.
import type { StorageAdapter } from 'lava-gateway'
import { postgresStorage } from 'lava-gateway/storage/postgres'
import { sqliteStorage } from 'lava-gateway/storage/sqlite'
import { Pool } from 'pg'

export function openStorage(): { storage: StorageAdapter; end: () => Promise<void> } {
  const { DATABASE_URL, DATABASE_PATH = 'lava.db' } = process.env
  if (DATABASE_URL === undefined)
    return { storage: sqliteStorage({ path: DATABASE_PATH }), end: () => Promise.resolve() }
  const pool = new Pool({ connectionString: DATABASE_URL })
  // A connection that was cut while idle is told here; the pool opens another.
  pool.on('error', (error) => console.error('the database cut a connection:', error.message))
  // The pool is the host's: the gateway's close() leaves it open.
  return { storage: postgresStorage({ pool }), end: () => pool.end() }
}
