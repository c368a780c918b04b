// SQLite usage: completed records added up by day where they lie; row by row into the process took three times as long.
import type { UsageQuery } from '../ledger/storage-adapter.ts'
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
  const ofMeter = prepare(usageSql(recordsInTime + andMeter))
  const ofCustomer = prepare(usageSql(`${placed} UNION ALL ${recent}`))
  const ofBoth = prepare(usageSql(`${placed} ${andMeter} UNION ALL ${recent} ${andMeter}`))

  function rowsOf({ start_ms, end_ms, utc_offset_minutes, customer_id, meter_id }: UsageQuery): Columns[] {
    const shift = shiftDays * dayMs + utc_offset_minutes * minuteMs
    const due = meter_id === undefined ? [start_ms, end_ms] : [start_ms, end_ms, meter_id]
    if (customer_id === undefined) return (meter_id === undefined ? ofAll : ofMeter).all(shift, ...due)
    // Once for each half. By number, a value would do for both, but Node 22 can't bind those.
    return (meter_id === undefined ? ofCustomer : ofBoth).all(shift, customer_id, ...due, customer_id, ...due)
  }

  return {
    usage: (query) =>
      rowsOf(query).map((columns) => ({
        date: dateOfDay(numberOf(columns, 'day') - shiftDays),
        total_requests: numberOf(columns, 'requests'),
        total_usage_tokens: numberOf(columns, 'tokens'),
        total_cost: sumOf(columns, 'cost'),
        total_charge: sumOf(columns, 'charge'),
      })),
  }
}

const selectAmounts = 'SELECT request.created_at_ms, request.total_tokens, request.cost, request.charge'
const isDue = (by: string) => `${by}.created_at_ms >= ? AND ${by}.created_at_ms <= ? AND request.status = 'completed'`

// Which index, if any, is named: without statistics SQLite might take another.
const recordsInTime = `${selectAmounts} FROM lava_requests AS request INDEXED BY lava_requests_by_time WHERE ${isDue('request')}`

const andMeter = ' AND request.meter_id = ?'

// A customer's: those that have a place, and those that have none yet.
const placed = `${selectAmounts} FROM lava_places AS place CROSS JOIN lava_requests AS request ON request.sequence = place.sequence
  WHERE place.customer_id = ? AND ${isDue('place')}`
const recent = `${selectAmounts} FROM lava_requests AS request NOT INDEXED
  WHERE request.sequence > (${selectPlaced}) AND request.customer_id = ? AND ${isDue('request')}`

function usageSql(records: string): string {
  return `SELECT (created_at_ms + CAST(? AS INTEGER)) / ${dayMs} AS day, ${sums} FROM (${records}) GROUP BY day ORDER BY day`
}

function sumOf(columns: Columns, name: 'cost' | 'charge'): Money {
  return money((integerOf(columns, `${name}_high`) << 32n) + integerOf(columns, `${name}_low`))
}
