// SQLite listings: the reads over many rows, each along an index.
import type { SQLInputValue, StatementSync } from 'node:sqlite'
import type { ListedQuery, Tables } from './tables.ts'
import { numberOf, textOf, type Prepare } from './sqlite-columns.ts'
import { requestColumns, requestRowOf } from './sqlite-requests.ts'

export function requestListings(prepare: Prepare): Pick<Tables, 'expired' | 'listed'> {
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
