// The journal: settlements that the storage could not take, kept on this machine's disk until it can.
import { existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'

/** What is to be done once more, as plain JSON. */
export interface JournalEntry {
  request_id: string
  order: unknown
}

/**
 * Each call is on disk when it returns (`synchronous = full`: also after a power cut), and throws when the disk refuses.
 * Several processes may share the file; each entry is worked off by whoever comes first, and orders are idempotent by id.
 */
export interface Journal {
  add(entry: JournalEntry): void
  remove(request_id: string): void
  /** Oldest first, at most `limit` after the first `skip`. */
  entries(limit: number, skip?: number): JournalEntry[]
  size(): number
  close(): void
}

/**
 * No file is made before there is something to write. An SQLite file: appended to through its write-ahead log, and compacted
 * by itself, since the place of removed entries is used again.
 *
 * @example
 * const journal = openJournal('lava-journal.db')
 * journal.add({ request_id: 'req_1', order: { … } })
 */
export function openJournal(path: string): Journal {
  let file: JournalFile | null = null
  let closed = false
  const existing = (): JournalFile | null => (file ??= !closed && existsSync(path) ? openFile(path) : null)
  return {
    add({ request_id, order }) {
      if (closed) throw new Error('the journal is closed')
      file ??= openFile(path)
      file.insert.run(request_id, JSON.stringify(order))
    },
    remove(request_id) {
      existing()?.remove.run(request_id)
    },
    entries(limit, skip = 0) {
      const rows = existing()?.select.all(limit, skip) ?? []
      return rows.map((row) => ({
        request_id: String(row.request_id),
        order: jsonOf(String(row.entry)),
      }))
    },
    size() {
      return Number(existing()?.count.get()?.size ?? 0)
    },
    close() {
      closed = true
      file?.database.close()
      file = null
    },
  }
}

/** Null: one row that is broken must not stand in the way of the others. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

interface JournalFile {
  database: DatabaseSync
  insert: ReturnType<DatabaseSync['prepare']>
  remove: ReturnType<DatabaseSync['prepare']>
  select: ReturnType<DatabaseSync['prepare']>
  count: ReturnType<DatabaseSync['prepare']>
}

/** Another process's write takes milliseconds. No longer, since the event loop stands still meanwhile; the caller tries again. */
const busyTimeoutMs = 100

function openFile(path: string): JournalFile {
  const database = new DatabaseSync(path, { timeout: busyTimeoutMs })
  try {
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
    database.exec(`CREATE TABLE IF NOT EXISTS journal (
      place INTEGER PRIMARY KEY,
      request_id TEXT NOT NULL UNIQUE,
      entry TEXT NOT NULL
    ) STRICT`)
    return {
      database,
      insert: database.prepare('INSERT INTO journal (request_id, entry) VALUES (?, ?) ON CONFLICT (request_id) DO NOTHING'),
      remove: database.prepare('DELETE FROM journal WHERE request_id = ?'),
      select: database.prepare('SELECT request_id, entry FROM journal ORDER BY place LIMIT ? OFFSET ?'),
      count: database.prepare('SELECT count(*) AS size FROM journal'),
    }
  } catch (error) {
    database.close()
    throw error
  }
} // prettier-ignore
