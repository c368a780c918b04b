// The one database of all processes: a SQLite file that they share.
import type { StorageAdapter } from 'lava-gateway'
import { sqliteStorage } from 'lava-gateway/storage/sqlite'

export function openStorage(): Promise<{ storage: StorageAdapter; end: () => Promise<void> }> {
  const storage = sqliteStorage({ path: process.env.DATABASE_PATH ?? 'lava.db' })
  return Promise.resolve({ storage, end: () => Promise.resolve() })
}
