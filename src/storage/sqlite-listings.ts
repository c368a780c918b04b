// SQLite listings: the reads over many rows, each along an index.
import type { SQLInputValue, StatementSync } from 'node:sqlite'
import type { UsageQuery } from '../ledger/storage-adapter.ts'
import type { ListedQuery, Tables } from './embedded.ts'
import { moneyOf, numberOf, textOf, type Prepare } from './sqlite-columns.ts'
import { requestColumns, requestRowOf } from './sqlite-requests.ts'
import type { CompletedRow } from './usage-days.ts'

export function requestListings(prepare: Prepare): Pick<Tables, 'expired' | 'listed' | 'completed'> {
  const expired = prepare(`SELECT ${requestColumns} FROM lava_requests WHERE status = 'pending' AND expires_at_ms <= ?
    ORDER BY expires_at_ms, sequence LIMIT ?`)
  const prepared = new Map<string, StatementSync>()
  const once = (sql: string): StatementSync => {
    const statement = prepared.get(sql) ?? prepare(sql)
    prepared.set(sql, statement)
    return statement
  }
  return {
    expired: (now_ms, limit) => expired.all(now_ms, limit).map(requestRowOf),
    listed(query) {
      const { sql, values } = listedQuery(query)
      return once(sql)
        .all(...values)
        .map((row) => ({ sequence: numberOf(row, 'sequence'), record: textOf(row, 'record') }))
    },
    completed(query) {
      const { sql, values } = completedQuery(query)
      return completedRows(once(sql), values)
    },
  }
}

interface Query {
  sql: string
  values: SQLInputValue[]
}

/** The pairs of metadata come first and in order, so that a rare label is found without looking at all other records. */
function listedQuery({ customer_id, meter_id, metadata, before_sequence, limit }: ListedQuery): Query {
  const values: SQLInputValue[] = []
  const [first, ...others] = Object.entries(metadata ?? {})
  const conditions: string[] = []
  const place = first ? 'pair.sequence' : 'request.sequence'
  const add = (condition: string, ...bound: SQLInputValue[]): void => {
    conditions.push(condition)
    values.push(...bound)
  }
  if (first) add('pair.key = ? AND pair.value = ?', ...first)
  for (const pair of others)
    add(`EXISTS (SELECT 1 FROM lava_request_metadata WHERE key = ? AND value = ? AND sequence = ${place})`, ...pair)
  if (customer_id !== undefined) add('request.customer_id = ?', customer_id)
  if (meter_id !== undefined) add('request.meter_id = ?', meter_id)
  if (before_sequence !== null) add(`${place} < ?`, before_sequence)
  values.push(limit)
  const from = first
    ? 'lava_request_metadata AS pair CROSS JOIN lava_requests AS request ON request.sequence = pair.sequence'
    : 'lava_requests AS request'
  const where = conditions.length > 0 ? `WHERE ${conditions.join(' AND ')}` : ''
  const sql = `SELECT request.sequence, request.record FROM ${from} ${where} ORDER BY ${place} DESC LIMIT ?`
  return { sql, values }
}

/** Which index is named: without statistics SQLite would look for a customer among the records of all. */
function completedQuery({ start_ms, end_ms, customer_id, meter_id }: UsageQuery): Query {
  const values: SQLInputValue[] = [start_ms, end_ms]
  const index = customer_id === undefined ? 'lava_requests_by_time' : 'lava_requests_by_customer'
  let sql = `SELECT created_at_ms, total_tokens, cost, charge FROM lava_requests INDEXED BY ${index}
    WHERE status = 'completed' AND created_at_ms >= ? AND created_at_ms <= ?`
  if (customer_id !== undefined) {
    sql += ' AND customer_id = ?'
    values.push(customer_id)
  }
  if (meter_id !== undefined) {
    sql += ' AND meter_id = ?'
    values.push(meter_id)
  }
  return { sql, values }
}

// Added up outside SQL: its sums turn into floats or errors beyond 64 bits.
function* completedRows(statement: StatementSync, values: SQLInputValue[]): Generator<CompletedRow> {
  for (const row of statement.iterate(...values))
    yield {
      created_at_ms: numberOf(row, 'created_at_ms'),
      total_tokens: numberOf(row, 'total_tokens'),
      cost: moneyOf(row, 'cost'),
      charge: moneyOf(row, 'charge'),
    }
}
