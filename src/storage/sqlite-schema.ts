// The SQLite schema: the tables, their indexes and the version they carry.
import type { DatabaseSync } from 'node:sqlite'
import { rollBack } from './sqlite-groups.ts'
import { placing } from './sqlite-places.ts'

/**
 * Creates what is missing and brings a file of an earlier version up to this one, in one transaction.
 *
 * @throws Error when a later version of the package made the file.
 */
export function createTables(database: DatabaseSync): void {
  database.exec('BEGIN IMMEDIATE')
  try {
    database.exec('CREATE TABLE IF NOT EXISTS lava_schema (version INTEGER NOT NULL) STRICT')
    const found = database.prepare('SELECT version FROM lava_schema').get()?.version ?? null
    if (found === null) {
      database.exec(tables + listings)
      database.prepare('INSERT INTO lava_schema (version) VALUES (?)').run(version)
    } else if (found === 1 || found === 2) {
      database.exec(listings + dropFormerIndexes)
      database.prepare('UPDATE lava_schema SET version = ?').run(version)
    } else if (found !== version) {
      throw new Error(
        `the database has schema version ${found.toString()}, this lava-gateway knows ${version}: update the package`,
      )
    }
    database.exec('COMMIT')
  } catch (error) {
    rollBack(database, error)
    throw error
  }
}

const version = 3

// STRICT, so that an amount that is no integer is an error and never becomes REAL. Rows are read newest first by `sequence`,
// which AUTOINCREMENT never gives twice, so a page's place stays right even when the host deletes old rows. Only the index of
// the open ones changes with a settlement, and none is there by which nothing is found: every call would pay for it.
const tables = `
CREATE TABLE lava_customers (
  customer_id TEXT PRIMARY KEY,
  cycle INTEGER NOT NULL,
  bundle INTEGER NOT NULL,
  held INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE lava_entries (
  entry_id TEXT PRIMARY KEY,
  customer_id TEXT NOT NULL,
  amount INTEGER NOT NULL,
  part TEXT NOT NULL,
  created_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE lava_totals (
  customer_id TEXT NOT NULL,
  meter_id TEXT NOT NULL,
  cycle TEXT NOT NULL,
  units INTEGER NOT NULL,
  PRIMARY KEY (customer_id, meter_id, cycle)
) STRICT, WITHOUT ROWID;

CREATE TABLE lava_requests (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  request_id TEXT NOT NULL UNIQUE,
  customer_id TEXT,
  meter_id TEXT,
  status TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  held INTEGER NOT NULL,
  lost INTEGER NOT NULL,
  expires_at_ms INTEGER,
  created_at TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  cost INTEGER NOT NULL,
  charge INTEGER NOT NULL,
  total_tokens REAL NOT NULL,
  metadata TEXT NOT NULL,
  record TEXT NOT NULL
) STRICT;
CREATE INDEX lava_requests_by_meter ON lava_requests (meter_id, sequence) WHERE meter_id IS NOT NULL;
CREATE INDEX lava_requests_open ON lava_requests (expires_at_ms, sequence) WHERE status = 'pending';

CREATE TABLE lava_request_metadata (
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  PRIMARY KEY (key, value, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE lava_documents (
  kind TEXT NOT NULL,
  id TEXT NOT NULL,
  document TEXT NOT NULL,
  PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;
`

// `created_at_ms` is among the places so that a customer's usage reads just the records of its time. What the host deletes, or gives
// to another customer, is no longer where it was. Records that the host puts back under their old sequences have no place:
// `DELETE FROM lava_places; UPDATE lava_placed SET up_to = 0` has all of them placed anew, a thousand with each group of acts.
const listings = `
CREATE INDEX IF NOT EXISTS lava_requests_by_time ON lava_requests (created_at_ms);

CREATE TABLE lava_places (
  customer_id TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  created_at_ms INTEGER NOT NULL,
  PRIMARY KEY (customer_id, sequence)
) STRICT, WITHOUT ROWID;
CREATE TABLE lava_placed (up_to INTEGER NOT NULL) STRICT;
${placing} ORDER BY customer_id, sequence;
INSERT INTO lava_placed (up_to) SELECT coalesce(max(sequence), 0) FROM lava_requests;

CREATE TRIGGER lava_requests_deleted AFTER DELETE ON lava_requests BEGIN
  DELETE FROM lava_places WHERE customer_id = OLD.customer_id AND sequence = OLD.sequence;
END;
CREATE TRIGGER lava_requests_moved AFTER UPDATE OF customer_id, sequence, created_at_ms ON lava_requests BEGIN
  DELETE FROM lava_places WHERE customer_id = OLD.customer_id AND sequence = OLD.sequence;
  ${placing} AND sequence = NEW.sequence AND sequence <= (SELECT up_to FROM lava_placed);
END;
`

// Of versions 1 and 2. Dropped last: the places are found by the one by customer.
const dropFormerIndexes = `
DROP INDEX lava_requests_by_customer;
DROP INDEX IF EXISTS lava_requests_completed;
DROP INDEX IF EXISTS lava_requests_completed_by_customer;
`
