// SQLite usage: completed records added up by day where they lie; row by row into the process took three times as long.
import type { SQLInputValue } from 'node:sqlite'
import { money, type Money } from '../money.ts'
import type { Tables } from './tables.ts'
import { integerOf, numberOf, type Columns, type Prepare } from './sqlite-columns.ts'
import { selectPlaced } from './sqlite-places.ts'
import { dayMs, dateOfDay, minuteMs } from './usage-days.ts'

/** Makes every time of a calendar positive, since SQLite's division rounds towards zero: no `Date` is older. */
const shiftDays = 100_000_001

// Sums beyond 64 bits are errors in SQL: the halves of amounts stay below for as many records as there can be.
const sums = `count(*) AS requests, sum(total_tokens) AS tokens,
  sum(cost >> 32) AS cost_high, sum(cost & 4294967295) AS cost_low,
  sum(charge >> 32) AS charge_high, sum(charge & 4294967295) AS charge_low`

export function usageTable(prepare: Prepare): Pick<Tables, 'usage'> {
  const ofAll = prepare(usageSql(recordsInTime))
  const ofMeter = prepare(usageSql(`${recordsInTime} AND request.meter_id = ?4`))
  const ofCustomer = prepare(usageSql(`${placed} UNION ALL ${recent}`))
  const ofBoth = prepare(usageSql(`${placed} AND request.meter_id = ?5 UNION ALL ${recent} AND request.meter_id = ?5`))
  return {
    usage({ start_ms, end_ms, utc_offset_minutes, customer_id, meter_id }) {
      const values: SQLInputValue[] = [shiftDays * dayMs + utc_offset_minutes * minuteMs, start_ms, end_ms]
      if (customer_id !== undefined) values.push(customer_id)
      if (meter_id !== undefined) values.push(meter_id)
      const some = meter_id === undefined ? ofCustomer : ofBoth
      const any = meter_id === undefined ? ofAll : ofMeter
      return (customer_id === undefined ? any : some).all(...values).map((columns) => ({
        date: dateOfDay(numberOf(columns, 'day') - shiftDays),
        total_requests: numberOf(columns, 'requests'),
        total_usage_tokens: numberOf(columns, 'tokens'),
        total_cost: sumOf(columns, 'cost'),
        total_charge: sumOf(columns, 'charge'),
      }))
    },
  }
}

const columns = 'SELECT request.created_at_ms, request.total_tokens, request.cost, request.charge'
const isDue = (by: string) => `${by}.created_at_ms >= ?2 AND ${by}.created_at_ms <= ?3 AND request.status = 'completed'`

// Which index, if any, is named: without statistics SQLite might take another.
const recordsInTime = `${columns} FROM lava_requests AS request INDEXED BY lava_requests_by_time WHERE ${isDue('request')}`

// A customer's: those that have a place, and those that have none yet.
const placed = `${columns} FROM lava_places AS place CROSS JOIN lava_requests AS request ON request.sequence = place.sequence
  WHERE place.customer_id = ?4 AND ${isDue('place')}`
const recent = `${columns} FROM lava_requests AS request NOT INDEXED
  WHERE request.sequence > (${selectPlaced}) AND request.customer_id = ?4 AND ${isDue('request')}`

function usageSql(records: string): string {
  return `SELECT (created_at_ms + CAST(?1 AS INTEGER)) / ${dayMs} AS day, ${sums} FROM (${records}) GROUP BY day ORDER BY day`
}

function sumOf(columns: Columns, name: 'cost' | 'charge'): Money {
  return money((integerOf(columns, `${name}_high`) << 32n) + integerOf(columns, `${name}_low`))
}
