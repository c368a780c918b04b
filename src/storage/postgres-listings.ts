// PostgreSQL reads: balances, totals, records and usage, each along an index.
import assert from 'node:assert/strict'
import { emptyBalance } from '../ledger/balance.ts'
import type { RequestsQuery, StorageAdapter, UsageQuery } from '../ledger/storage-adapter.ts'
import { cursorAfter, sequenceOf } from './cursor.ts'
import { pairText } from './postgres-acts.ts'
import { balanceOf, isStorable, moneyOf, rowsOf, textOf } from './postgres-columns.ts'
import type { Query } from './postgres-pool.ts'
import { readRecord } from './request-row.ts'

type Reads = Pick<StorageAdapter, 'balance' | 'meterTotal' | 'expired' | 'request' | 'requests' | 'usage'>

/** @param schema quoted. */
export function readsOf(query: Query, schema: string): Reads {
  const read = async (sql: string, values: readonly unknown[], often?: 'often') =>
    rowsOf(await query(sql, values, often))
  return {
    async balance(customer_id) {
      const sql = `SELECT cycle::text, bundle::text, held::text FROM ${schema}.lava_customers WHERE customer_id = $1`
      const [row] = isStorable(customer_id) ? await read(sql, [customer_id], 'often') : []
      return row ? balanceOf(row) : { ...emptyBalance }
    },
    async meterTotal({ customer_id, meter_id, cycle }) {
      const key = [customer_id, meter_id, cycle]
      const sql = `SELECT units::text FROM ${schema}.lava_totals WHERE customer_id = $1 AND meter_id = $2 AND cycle = $3`
      const [row] = key.every(isStorable) ? await read(sql, key, 'often') : []
      return row ? BigInt(textOf(row, 'units')) : 0n
    },
    async expired(now_ms, limit) {
      const sql = `SELECT record::text FROM ${schema}.lava_requests WHERE status = 'pending' AND expires_at_ms <= $1
        ORDER BY expires_at_ms, sequence LIMIT $2`
      return (await read(sql, [now_ms, wholeLimit(limit)])).map((row) => readRecord(textOf(row, 'record')))
    },
    async request(request_id) {
      const sql = `SELECT record::text FROM ${schema}.lava_requests WHERE request_id = $1`
      const [row] = isStorable(request_id) ? await read(sql, [request_id], 'often') : []
      return row ? readRecord(textOf(row, 'record')) : null
    },
    async requests({ cursor, limit, ...filters }) {
      const before = cursor === undefined ? null : sequenceOf(cursor)
      if ((cursor !== undefined && before === null) || !canMatch(filters)) return { data: [], next_cursor: null }
      // One row more than asked tells whether there is a next page.
      const { sql, values } = listedQuery(schema, filters, before, wholeLimit(limit) + 1)
      const rows = await read(sql, values)
      const data = rows.slice(0, limit)
      const last = data.at(-1)
      return {
        data: data.map((row) => readRecord(textOf(row, 'record'))),
        next_cursor: last && rows.length > limit ? cursorAfter(Number(textOf(last, 'sequence'))) : null,
      }
    },
    async usage(asked) {
      if (!canMatch(asked)) return []
      const { sql, values } = usageQuery(schema, asked)
      return (await read(sql, values)).map((row) => ({
        date: new Date(Number(textOf(row, 'day')) * dayMs).toISOString().slice(0, 10),
        total_requests: Number(textOf(row, 'total_requests')),
        total_usage_tokens: Number(textOf(row, 'total_usage_tokens')),
        total_cost: moneyOf(row, 'total_cost'),
        total_charge: moneyOf(row, 'total_charge'),
      }))
    },
  }
}

interface Statement {
  sql: string
  values: unknown[]
}

type Filters = Pick<RequestsQuery, 'customer_id' | 'meter_id' | 'metadata'>

/**
 * Labels alone are looked up by the first one's rows, record by record (`OFFSET 0` keeps the planner from walking all records
 * beside them); with a customer or a meter, whose rows may be the fewer ones, the planner chooses.
 */
function listedQuery(
  schema: string,
  { customer_id, meter_id, metadata }: Filters,
  before: number | null,
  limit: number,
): Statement {
  const values: unknown[] = []
  const bind = (value: unknown): string => `$${values.push(value)}`
  const pairs = Object.entries(metadata ?? {}).map(pairText)
  const leading = customer_id === undefined && meter_id === undefined ? pairs.shift() : undefined
  const from =
    leading === undefined
      ? `${schema}.lava_requests AS found`
      : `${schema}.lava_request_metadata AS found
        CROSS JOIN LATERAL (SELECT record FROM ${schema}.lava_requests WHERE sequence = found.sequence OFFSET 0) AS request`
  const conditions = pairs.map(
    (pair) => `EXISTS (SELECT FROM ${schema}.lava_request_metadata AS other
      WHERE other.pair = ${bind(pair)} AND other.sequence = found.sequence)`,
  )
  if (leading !== undefined) conditions.push(`found.pair = ${bind(leading)}`)
  if (customer_id !== undefined) conditions.push(`found.customer_id = ${bind(customer_id)}`)
  if (meter_id !== undefined) conditions.push(`found.meter_id = ${bind(meter_id)}`)
  if (before !== null) conditions.push(`found.sequence < ${bind(before)}`)
  const where = conditions.length > 0 ? `WHERE ${conditions.join(' AND ')}` : ''
  const sql = `SELECT found.sequence::text, record::text FROM ${from} ${where} ORDER BY found.sequence DESC LIMIT ${bind(limit)}`
  return { sql, values }
}

/** Sums of bigint are numeric in PostgreSQL: exact beyond 64 bits. */
function usageQuery(
  schema: string,
  { start_ms, end_ms, utc_offset_minutes, customer_id, meter_id }: UsageQuery,
): Statement {
  const values: unknown[] = [utc_offset_minutes * minuteMs, dayMs, start_ms, end_ms]
  const filters = [
    ...(customer_id === undefined ? [] : [`AND customer_id = $${values.push(customer_id)}`]),
    ...(meter_id === undefined ? [] : [`AND meter_id = $${values.push(meter_id)}`]),
  ]
  const sql = `SELECT floor((created_at_ms + $1::numeric) / $2::numeric)::text AS day, count(*)::text AS total_requests,
      sum(total_tokens)::text AS total_usage_tokens, sum(cost)::text AS total_cost, sum(charge)::text AS total_charge
    FROM ${schema}.lava_requests
    WHERE status = 'completed' AND created_at_ms >= $3 AND created_at_ms <= $4 ${filters.join(' ')}
    GROUP BY floor((created_at_ms + $1::numeric) / $2::numeric) ORDER BY floor((created_at_ms + $1::numeric) / $2::numeric)`
  return { sql, values }
}

const minuteMs = 60_000
const dayMs = 24 * 60 * minuteMs

/** No row has an id that can't be stored. */
function canMatch({ customer_id = '', meter_id = '' }: Filters): boolean {
  return isStorable(customer_id) && isStorable(meter_id)
}

function wholeLimit(limit: number): number {
  assert.ok(Number.isSafeInteger(limit) && limit > 0, 'a limit is a positive whole number')
  return limit
}
