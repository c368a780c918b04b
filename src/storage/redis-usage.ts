// Redis usage: an index that holds all that usage adds up, by time, and the sums over it.
import { z } from 'zod'
import { addMoney } from '../money.ts'
import type { UsageDay, UsageQuery } from '../ledger/storage-adapter.ts'
import type { Redis } from './redis-client.ts'
import { allShards, shardOf, type Keys } from './redis-keys.ts'
import { moneyIn } from './redis-rows.ts'
import type { RequestRow } from './request-row.ts'
import { usageByDay, type CompletedRow } from './usage-days.ts'

const furthestMs = 8.64e15

/** A time as text that sorts like it: 17 digits. */
export function timeKey(ms: number): string {
  return String(Math.min(Math.max(ms, -furthestMs), furthestMs) + furthestMs).padStart(17, '0')
}

/** Tokens, cost, charge, meter; the id makes it one record's own. */
const memberSchema = z.tuple([z.number(), z.string(), z.string(), z.string().nullable(), z.string()])

/** What the index says of a finished record, after the time of its creation; `''` when it does not count. */
export function usedBy({ status, total_tokens, cost, charge, meter_id, request_id }: RequestRow): string {
  const member = [total_tokens, cost.toString(), charge.toString(), meter_id, request_id]
  return status === 'completed' ? JSON.stringify(member) : ''
}

export async function usageOver(redis: Redis, keys: Keys, query: UsageQuery): Promise<UsageDay[]> {
  const { customer_id } = query
  const indexes =
    customer_id === undefined
      ? allShards.map((shard) => `${keys.root(shard)}:used`)
      : [`${keys.root(shardOf(customer_id))}:used:${customer_id}`]
  return mergedDays(await Promise.all(indexes.map((key) => usageIn(redis, key, query))))
}

const pageSize = 1000

/** Members sort by time and then by what they say: a page goes on right after the last member, whatever is added meanwhile. */
async function usageIn(redis: Redis, key: string, query: UsageQuery): Promise<UsageDay[]> {
  const { start_ms, end_ms, meter_id, utc_offset_minutes } = query
  // After its time a member goes on with `[`, and `\` comes next: up to and with the last millisecond.
  const end = `(${timeKey(Math.floor(end_ms))}\\`
  let from = `[${timeKey(Math.ceil(start_ms))}`
  let days: UsageDay[] = []
  for (;;) {
    const members = await redis.send(key, 'ZRANGEBYLEX', key, from, end, 'LIMIT', '0', String(pageSize))
    const rows = members.map(completedIn).filter((row) => meter_id === undefined || row.meter_id === meter_id)
    days = mergedDays([days, usageByDay(rows, utc_offset_minutes)])
    if (members.length < pageSize) return days
    from = `(${members.at(-1) ?? ''}`
  }
}

function completedIn(member: string): CompletedRow & { meter_id: string | null } {
  const [total_tokens, cost, charge, meter_id] = memberSchema.parse(JSON.parse(member.slice(17)))
  const created_at_ms = Number(member.slice(0, 17)) - furthestMs
  return { created_at_ms, total_tokens, cost: moneyIn(cost), charge: moneyIn(charge), meter_id }
}

function mergedDays(parts: readonly UsageDay[][]): UsageDay[] {
  const days = new Map<string, UsageDay>()
  for (const day of parts.flat()) {
    const before = days.get(day.date)
    days.set(day.date, before ? addedDays(before, day) : day)
  }
  return [...days.values()].sort((a, b) => (a.date < b.date ? -1 : 1))
}

function addedDays(a: UsageDay, b: UsageDay): UsageDay {
  return {
    date: a.date,
    total_requests: a.total_requests + b.total_requests,
    total_usage_tokens: a.total_usage_tokens + b.total_usage_tokens,
    total_cost: addMoney(a.total_cost, b.total_cost),
    total_charge: addMoney(a.total_charge, b.total_charge),
  }
}
