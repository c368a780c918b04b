// SQLite requests: the rows of the records, each statement prepared once.
import assert from 'node:assert/strict'
import type { Tables } from './tables.ts'
import { pairsOf, type RequestRow } from './request-row.ts'
import {
  integerOf,
  moneyOf,
  numberOf,
  numberOrNull,
  textOf,
  textOrNull,
  type Columns,
  type Prepare,
} from './sqlite-columns.ts'
import { KnownRows, type SqliteMemory } from './sqlite-memory.ts'
import type { Places } from './sqlite-places.ts'

type RequestTable = Pick<Tables, 'requestRow' | 'insertRequest' | 'updateRequest' | 'moveExpiry'>

/** A row, and where it is. */
interface PlacedRow {
  sequence: bigint
  row: RequestRow
}

export function requestTable(prepare: Prepare, memory: SqliteMemory, places: Places): RequestTable {
  const insert = prepare(`INSERT INTO lava_requests (${requestColumns})
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
  // Each column named here costs the rewriting of every index that has it, changed or not.
  const update =
    prepare(`UPDATE lava_requests SET status = ?, held = ?, lost = ?, expires_at_ms = ?, cost = ?, charge = ?,
    total_tokens = ?, record = ? WHERE sequence = ?`)
  const label = prepare('UPDATE lava_requests SET meter_id = ?, metadata = ? WHERE sequence = ?')
  const move = prepare('UPDATE lava_requests SET expires_at_ms = ? WHERE sequence = ?')
  const pairs = pairTable(prepare)
  const rows = memory.add(new KnownRows<PlacedRow>())
  return {
    requestRow: rowReader(prepare, memory, rows),
    insertRequest(row) {
      const { lastInsertRowid } = insert.run(
        row.request_id,
        row.customer_id,
        row.meter_id,
        row.status,
        row.fingerprint,
        row.held,
        row.lost ? 1 : 0,
        row.expires_at_ms,
        row.created_at,
        row.created_at_ms,
        row.cost,
        row.charge,
        row.total_tokens,
        row.metadata,
        row.record,
      )
      const sequence = BigInt(lastInsertRowid)
      places.added(sequence)
      pairs.add(row, sequence)
      if (row.status === 'pending') rows.set(row.request_id, { sequence, row })
    },
    updateRequest(row, existing) {
      const { sequence } = placed(rows, row.request_id)
      const { changes } = update.run(
        row.status,
        row.held,
        row.lost ? 1 : 0,
        row.expires_at_ms,
        row.cost,
        row.charge,
        row.total_tokens,
        row.record,
        sequence,
      )
      assert.equal(Number(changes), 1, 'the row that was read is updated')
      // Of a finished row nothing is asked any more, but by a rare retry.
      if (row.status === 'pending') rows.set(row.request_id, { sequence, row })
      else rows.delete(row.request_id)
      if (row.meter_id === existing.meter_id && row.metadata === existing.metadata) return
      label.run(row.meter_id, row.metadata, sequence)
      pairs.drop(existing, sequence)
      pairs.add(row, sequence)
    },
    moveExpiry(request_id, expires_at_ms) {
      const { sequence, row } = placed(rows, request_id)
      move.run(expires_at_ms, sequence)
      rows.set(request_id, { sequence, row: { ...row, expires_at_ms } })
    },
  }
}

function rowReader(prepare: Prepare, memory: SqliteMemory, rows: KnownRows<PlacedRow>): Tables['requestRow'] {
  const select = prepare(`SELECT sequence, ${requestColumns} FROM lava_requests WHERE request_id = ?`)
  return (request_id) => {
    const known = memory.isTrue ? rows.get(request_id) : undefined
    if (known) return known.row
    const columns = select.get(request_id)
    if (!columns) return null
    const row = requestRowOf(columns)
    if (memory.isTrue) rows.set(request_id, { sequence: integerOf(columns, 'sequence'), row })
    return row
  }
}

function placed(rows: KnownRows<PlacedRow>, request_id: string): PlacedRow {
  const found = rows.get(request_id)
  assert.ok(found, 'the row that is written was read before, in the same transaction')
  return found
}

function pairTable(prepare: Prepare) {
  const add = prepare('INSERT INTO lava_request_metadata (key, value, sequence) VALUES (?, ?, ?)')
  const drop = prepare('DELETE FROM lava_request_metadata WHERE key = ? AND value = ? AND sequence = ?')
  return {
    add({ metadata }: RequestRow, sequence: bigint) {
      if (metadata !== '{}') for (const [key, value] of pairsOf(metadata)) add.run(key, value, sequence)
    },
    drop({ metadata }: RequestRow, sequence: bigint) {
      for (const [key, value] of pairsOf(metadata)) drop.run(key, value, sequence)
    },
  }
}

/** What a row is made of, in the order in which it is written. */
export const requestColumns = `request_id, customer_id, meter_id, status, fingerprint, held, lost, expires_at_ms, created_at,
  created_at_ms, cost, charge, total_tokens, metadata, record`

export function requestRowOf(columns: Columns): RequestRow {
  return {
    request_id: textOf(columns, 'request_id'),
    customer_id: textOrNull(columns, 'customer_id'),
    meter_id: textOrNull(columns, 'meter_id'),
    status: statusOf(columns),
    fingerprint: textOf(columns, 'fingerprint'),
    held: moneyOf(columns, 'held'),
    lost: numberOf(columns, 'lost') === 1,
    expires_at_ms: numberOrNull(columns, 'expires_at_ms'),
    created_at: textOf(columns, 'created_at'),
    created_at_ms: numberOf(columns, 'created_at_ms'),
    cost: moneyOf(columns, 'cost'),
    charge: moneyOf(columns, 'charge'),
    total_tokens: numberOf(columns, 'total_tokens'),
    metadata: textOf(columns, 'metadata'),
    record: textOf(columns, 'record'),
  }
}

function statusOf(columns: Columns): RequestRow['status'] {
  const status = textOf(columns, 'status')
  assert.ok(status === 'pending' || status === 'completed' || status === 'error', 'status is one of three')
  return status
}
