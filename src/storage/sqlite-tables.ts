// SQLite tables: the rows that acts read and write, each statement prepared once.
import assert from 'node:assert/strict'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Balance } from '../ledger/balance.ts'
import type { CreditAct } from '../ledger/storage-adapter.ts'
import type { Tables } from './embedded.ts'
import { pairsOf, type RequestRow } from './request-row.ts'
import { integerOf, moneyOf, numberOf, numberOrNull, textOf, textOrNull, type Columns } from './sqlite-columns.ts'

/** Prepares a statement that reads integers as bigint. */
export type Prepare = (sql: string) => StatementSync

/** Integers come out as bigint: as numbers, those above 2^53 would lose their last digits. */
export function preparing(database: DatabaseSync): Prepare {
  return (sql) => {
    const statement = database.prepare(sql)
    statement.setReadBigInts(true)
    return statement
  }
}

type RequestTable = Pick<Tables, 'requestRow' | 'insertRequest' | 'updateRequest' | 'moveExpiry'>

export function requestTable(prepare: Prepare): RequestTable {
  const select = prepare('SELECT * FROM lava_requests WHERE request_id = ?')
  const insert = prepare(`INSERT INTO lava_requests (request_id, customer_id, meter_id, status, fingerprint, held, lost,
    expires_at_ms, created_at, created_at_ms, cost, charge, total_tokens, metadata, record)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
  // Each column named here costs the rewriting of every index that has it, changed or not.
  const update =
    prepare(`UPDATE lava_requests SET status = ?, held = ?, lost = ?, expires_at_ms = ?, cost = ?, charge = ?,
    total_tokens = ?, record = ? WHERE request_id = ?`)
  const label = prepare('UPDATE lava_requests SET meter_id = ?, metadata = ? WHERE request_id = ?')
  const move = prepare('UPDATE lava_requests SET expires_at_ms = ? WHERE request_id = ?')
  const sequence = prepare('SELECT sequence FROM lava_requests WHERE request_id = ?')
  const addPair = prepare('INSERT INTO lava_request_metadata (key, value, sequence) VALUES (?, ?, ?)')
  const dropPair = prepare('DELETE FROM lava_request_metadata WHERE key = ? AND value = ? AND sequence = ?')
  return {
    requestRow(request_id) {
      const columns = select.get(request_id)
      return columns ? requestRowOf(columns) : null
    },
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
      for (const [key, value] of pairsOf(row.metadata)) addPair.run(key, value, lastInsertRowid)
    },
    updateRequest(row, existing) {
      const { changes } = update.run(
        row.status,
        row.held,
        row.lost ? 1 : 0,
        row.expires_at_ms,
        row.cost,
        row.charge,
        row.total_tokens,
        row.record,
        row.request_id,
      )
      assert.equal(Number(changes), 1, 'the row that was read is updated')
      if (row.meter_id === existing.meter_id && row.metadata === existing.metadata) return
      label.run(row.meter_id, row.metadata, row.request_id)
      const at = integerOf(sequence.get(row.request_id) ?? {}, 'sequence')
      for (const [key, value] of pairsOf(existing.metadata)) dropPair.run(key, value, at)
      for (const [key, value] of pairsOf(row.metadata)) addPair.run(key, value, at)
    },
    moveExpiry: (request_id, expires_at_ms) => move.run(expires_at_ms, request_id),
  }
}

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

type MoneyTables = Pick<Tables, 'balance' | 'putBalance' | 'entry' | 'insertEntry' | 'total' | 'putTotal'>

export function moneyTables(prepare: Prepare): MoneyTables {
  const balance = prepare('SELECT cycle, bundle, held FROM lava_customers WHERE customer_id = ?')
  const putBalance = prepare(`INSERT INTO lava_customers (customer_id, cycle, bundle, held) VALUES (?, ?, ?, ?)
    ON CONFLICT (customer_id) DO UPDATE SET cycle = excluded.cycle, bundle = excluded.bundle, held = excluded.held`)
  const entry = prepare('SELECT * FROM lava_entries WHERE entry_id = ?')
  const insertEntry = prepare(
    'INSERT INTO lava_entries (entry_id, customer_id, amount, part, created_at) VALUES (?, ?, ?, ?, ?)',
  )
  const total = prepare('SELECT units FROM lava_totals WHERE customer_id = ? AND meter_id = ? AND cycle = ?')
  const putTotal = prepare(`INSERT INTO lava_totals (customer_id, meter_id, cycle, units) VALUES (?, ?, ?, ?)
    ON CONFLICT (customer_id, meter_id, cycle) DO UPDATE SET units = excluded.units`)
  return {
    balance(customer_id) {
      const columns = balance.get(customer_id)
      return columns ? balanceOf(columns) : null
    },
    putBalance: (customer_id, { cycle, bundle, held }) => putBalance.run(customer_id, cycle, bundle, held),
    entry(entry_id) {
      const columns = entry.get(entry_id)
      return columns ? entryOf(columns) : null
    },
    insertEntry: ({ entry_id, customer_id, amount, part, created_at }) =>
      insertEntry.run(entry_id, customer_id, amount, part, created_at),
    total({ customer_id, meter_id, cycle }) {
      const columns = total.get(customer_id, meter_id, cycle)
      return columns ? integerOf(columns, 'units') : 0n
    },
    putTotal: ({ customer_id, meter_id, cycle }, units) => putTotal.run(customer_id, meter_id, cycle, units),
  }
}

function balanceOf(columns: Columns): Balance {
  return { cycle: moneyOf(columns, 'cycle'), bundle: moneyOf(columns, 'bundle'), held: moneyOf(columns, 'held') }
}

function entryOf(columns: Columns): CreditAct {
  const part = textOf(columns, 'part')
  assert.ok(part === 'cycle' || part === 'bundle', 'part is cycle or bundle')
  return {
    entry_id: textOf(columns, 'entry_id'),
    customer_id: textOf(columns, 'customer_id'),
    amount: moneyOf(columns, 'amount'),
    part,
    created_at: textOf(columns, 'created_at'),
  }
}

function statusOf(columns: Columns): RequestRow['status'] {
  const status = textOf(columns, 'status')
  assert.ok(status === 'pending' || status === 'completed' || status === 'error', 'status is one of three')
  return status
}
