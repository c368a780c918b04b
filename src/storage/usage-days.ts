// Usage by day: completed rows added up by the calendar day of a time zone.
import { addMoney, type Money } from '../money.ts'
import type { UsageDay } from '../ledger/storage-adapter.ts'

export interface CompletedRow {
  created_at_ms: number
  total_tokens: number
  cost: Money
  charge: Money
}

/** In any order; the days come out oldest first. `utc_offset_minutes` is positive east of Greenwich. */
export function usageByDay(rows: Iterable<CompletedRow>, utc_offset_minutes: number): UsageDay[] {
  const days = new Map<number, Omit<UsageDay, 'date'>>()
  for (const { created_at_ms, total_tokens, cost, charge } of rows) {
    const day = Math.floor((created_at_ms + utc_offset_minutes * minuteMs) / dayMs)
    const totals = days.get(day)
    days.set(day, {
      total_requests: (totals?.total_requests ?? 0) + 1,
      total_usage_tokens: (totals?.total_usage_tokens ?? 0) + total_tokens,
      total_cost: totals ? addMoney(totals.total_cost, cost) : cost,
      total_charge: totals ? addMoney(totals.total_charge, charge) : charge,
    })
  }
  return [...days].sort(([a], [b]) => a - b).map(([day, totals]) => ({ date: dateOfDay(day), ...totals }))
}

/** `YYYY-MM-DD` of the day that is so many after 1970-01-01. */
export function dateOfDay(day: number): string {
  return new Date(day * dayMs).toISOString().slice(0, 10)
}

export const minuteMs = 60_000
export const dayMs = 24 * 60 * minuteMs
