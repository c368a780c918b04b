// SQLite money: balances, credit entries and meter totals, each statement prepared once.
import assert from 'node:assert/strict'
import type { Balance } from '../ledger/balance.ts'
import type { CreditAct, MeterTotalKey } from '../ledger/storage-adapter.ts'
import { totalKey, type Tables } from './tables.ts'
import { integerOf, moneyOf, textOf, type Columns, type Prepare } from './sqlite-columns.ts'
import { LateWrites, type SqliteMemory } from './sqlite-memory.ts'

type MoneyTables = Pick<Tables, 'balance' | 'putBalance' | 'entry' | 'insertEntry' | 'total' | 'putTotal'>

export function moneyTables(prepare: Prepare, memory: SqliteMemory): MoneyTables {
  const entry = prepare('SELECT * FROM lava_entries WHERE entry_id = ?')
  const insertEntry = prepare(
    'INSERT INTO lava_entries (entry_id, customer_id, amount, part, created_at) VALUES (?, ?, ?, ?, ?)',
  )
  return {
    ...balanceTable(prepare, memory),
    ...totalTable(prepare, memory),
    entry(entry_id) {
      const columns = entry.get(entry_id)
      return columns ? entryOf(columns) : null
    },
    insertEntry: ({ entry_id, customer_id, amount, part, created_at }) =>
      insertEntry.run(entry_id, customer_id, amount, part, created_at),
  }
}

function balanceTable(prepare: Prepare, memory: SqliteMemory): Pick<Tables, 'balance' | 'putBalance'> {
  const select = prepare('SELECT cycle, bundle, held FROM lava_customers WHERE customer_id = ?')
  const put = prepare(`INSERT INTO lava_customers (customer_id, cycle, bundle, held) VALUES (?, ?, ?, ?)
    ON CONFLICT (customer_id) DO UPDATE SET cycle = excluded.cycle, bundle = excluded.bundle, held = excluded.held`)
  const late = memory.add(
    new LateWrites<string, Balance>((customer_id, { cycle, bundle, held }) =>
      put.run(customer_id, cycle, bundle, held),
    ),
  )
  return {
    // Copies go in and out: an outcome's balance is the caller's to change.
    balance(customer_id) {
      const known = memory.isTrue ? late.get(customer_id) : undefined
      if (known) return { ...known }
      const columns = select.get(customer_id)
      if (!columns) return null
      const read = balanceOf(columns)
      if (memory.isTrue) late.learn(customer_id, customer_id, { ...read })
      return read
    },
    putBalance: (customer_id, balance) => late.put(customer_id, customer_id, { ...balance }),
  }
}

function totalTable(prepare: Prepare, memory: SqliteMemory): Pick<Tables, 'total' | 'putTotal'> {
  const select = prepare('SELECT units FROM lava_totals WHERE customer_id = ? AND meter_id = ? AND cycle = ?')
  const put = prepare(`INSERT INTO lava_totals (customer_id, meter_id, cycle, units) VALUES (?, ?, ?, ?)
    ON CONFLICT (customer_id, meter_id, cycle) DO UPDATE SET units = excluded.units`)
  const late = memory.add(
    new LateWrites<MeterTotalKey, bigint>(({ customer_id, meter_id, cycle }, units) =>
      put.run(customer_id, meter_id, cycle, units),
    ),
  )
  return {
    total(key) {
      const known = memory.isTrue ? late.get(totalKey(key)) : undefined
      if (known !== undefined) return known
      const columns = select.get(key.customer_id, key.meter_id, key.cycle)
      const units = columns ? integerOf(columns, 'units') : 0n
      if (memory.isTrue) late.learn(totalKey(key), key, units)
      return units
    },
    putTotal: (key, units) => late.put(totalKey(key), key, units),
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
