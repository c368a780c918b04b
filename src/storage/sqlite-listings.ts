// SQLite listings: the reads over many rows, each along an index or the places of what is looked for.
import type { SQLInputValue, StatementSync } from 'node:sqlite'
import type { ListedQuery, ListedRow, Tables } from './tables.ts'
import { numberOf, textOf, type Prepare } from './sqlite-columns.ts'
import { placedUpTo, selectPlaced } from './sqlite-places.ts'
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
  const rowsOf = ({ sql, values }: Query): ListedRow[] =>
    once(sql)
      .all(...values)
      .map((row) => ({ sequence: numberOf(row, 'sequence'), record: textOf(row, 'record') }))
  const placed = prepare(selectPlaced)

  return {
    expired: (now_ms, limit) => expired.all(now_ms, limit).map(requestRowOf),
    listed(query) {
      const source = sourceOf(query)
      if (source !== 'places') return rowsOf(listedQuery(query, source))
      // What is placed meanwhile is looked for where it was.
      const upTo = Number(placedUpTo(placed.get()))
      const recent = rowsOf(listedQuery({ ...query, after_sequence: upTo }, 'recent'))
      if (recent.length === query.limit) return recent
      const before_sequence = Math.min(query.before_sequence ?? Infinity, upTo + 1)
      const limit = query.limit - recent.length
      return [...recent, ...rowsOf(listedQuery({ ...query, before_sequence, limit }, source))]
    },
  }
}

const byPlace = 'CROSS JOIN lava_requests AS request ON request.sequence = place.sequence'

/** What is gone through, in the order of its sequences. */
const sources = {
  records: 'lava_requests AS request',
  /** Those that have no place yet, one after the other. */
  recent: 'lava_requests AS request NOT INDEXED',
  /** So that a rare label is found without looking at all other records. */
  pairs: `lava_request_metadata AS place ${byPlace}`,
  places: `lava_places AS place ${byPlace}`,
} as const

type Source = keyof typeof sources

function sourceOf({ metadata, customer_id }: ListedQuery): Source {
  if (Object.keys(metadata ?? {}).length > 0) return 'pairs'
  return customer_id === undefined ? 'records' : 'places'
}

interface Query {
  sql: string
  values: SQLInputValue[]
}

/** Newest first. */
function listedQuery(query: ListedQuery & { after_sequence?: number }, source: Source): Query {
  const { customer_id, meter_id, metadata, before_sequence, after_sequence, limit } = query
  const values: SQLInputValue[] = []
  const [first, ...others] = Object.entries(metadata ?? {})
  const conditions: string[] = []
  const sequence = source === 'pairs' || source === 'places' ? 'place.sequence' : 'request.sequence'
  const add = (condition: string, ...bound: SQLInputValue[]): void => {
    conditions.push(condition)
    values.push(...bound)
  }
  if (first) add('place.key = ? AND place.value = ?', ...first)
  for (const pair of others)
    add(`EXISTS (SELECT 1 FROM lava_request_metadata WHERE key = ? AND value = ? AND sequence = ${sequence})`, ...pair)
  const payer = source === 'places' ? 'place.customer_id' : 'request.customer_id'
  if (customer_id !== undefined) add(`${payer} = ?`, customer_id)
  if (meter_id !== undefined) add('request.meter_id = ?', meter_id)
  if (before_sequence !== null) add(`${sequence} < ?`, before_sequence)
  if (after_sequence !== undefined) add(`${sequence} > ?`, after_sequence)
  values.push(limit)
  const where = conditions.length > 0 ? `WHERE ${conditions.join(' AND ')}` : ''
  const sql = `SELECT request.sequence, request.record FROM ${sources[source]} ${where} ORDER BY ${sequence} DESC LIMIT ?`
  return { sql, values }
}
