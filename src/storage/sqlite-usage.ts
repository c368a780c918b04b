// SQLite usage: completed records added up by day where they lie; row by row into the process took three times as long.
import type { SQLInputValue } from 'node:sqlite'
import { money, type Money } from '../money.ts'
import type { Tables } from './tables.ts'
import { integerOf, numberOf, type Columns, type Prepare } from './sqlite-columns.ts'
import { dayMs, dateOfDay, minuteMs } from './usage-days.ts'

/** Makes every time of a calendar positive, since SQLite's division rounds towards zero: no `Date` is older. */
const shiftDays = 100_000_001

// Sums beyond 64 bits are errors in SQL: the halves of amounts stay below for as many records as there can be.
const sums = `count(*) AS requests, sum(total_tokens) AS tokens,
  sum(cost >> 32) AS cost_high, sum(cost & 4294967295) AS cost_low,
  sum(charge >> 32) AS charge_high, sum(charge & 4294967295) AS charge_low`

export function usageTable(prepare: Prepare): Pick<Tables, 'usage'> {
  // Which index is named: without statistics SQLite would look for a customer among the records of all.
  const daysOf = (index: string, filter: string) =>
    prepare(`SELECT (created_at_ms + CAST(? AS INTEGER)) / ${dayMs} AS day, ${sums} FROM lava_requests INDEXED BY ${index}
      WHERE status = 'completed' AND created_at_ms >= ? AND created_at_ms <= ? ${filter} GROUP BY day ORDER BY day`)
  const ofAll = daysOf('lava_requests_by_time', '')
  const ofMeter = daysOf('lava_requests_by_time', 'AND meter_id = ?')
  const ofCustomer = daysOf('lava_requests_by_customer', 'AND customer_id = ?')
  const ofBoth = daysOf('lava_requests_by_customer', 'AND customer_id = ? AND meter_id = ?')
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

function sumOf(columns: Columns, name: 'cost' | 'charge'): Money {
  return money((integerOf(columns, `${name}_high`) << 32n) + integerOf(columns, `${name}_low`))
}
