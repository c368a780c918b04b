// Redis rows: how a record, a balance and their index entries lie in a shard, for the scripts and for their readers.
import { formatMoney, money, type Money } from '../money.ts'
import type { Balance } from '../ledger/balance.ts'
import type { RequestRecord } from '../ledger/request-record.ts'
import { scriptOf } from './redis-client.ts'
import { moneyLua } from './redis-money.ts'
import { pairsOf, readRecord, storable, type RequestRow } from './request-row.ts'

/**
 * A record is one string, packed by the server's own MessagePack: a quarter of the time and half the memory of a hash of the
 * same fields. Its JSON text is as the act gave it; what only the script knows (`created_at` of the first act, the balance
 * after it) lies beside it and is put over it when it is read. `names` are the listings it is in, one a line; `used` is its
 * member of the usage index.
 */
export const rowLua = `
local function row_key(id) return KEYS[1] .. ':request:' .. id end

local function read_row(id)
  local packed = redis.call('GET', row_key(id))
  return packed and cmsgpack.unpack(packed) or nil
end

local function write_row(id, row) redis.call('SET', row_key(id), cmsgpack.pack(row)) end

local function list(id, names, names_before, sequence)
  if names == names_before then return end
  for name in string.gmatch(names_before, '[^\\n]+') do redis.call('ZREM', KEYS[1] .. ':listed:' .. name, id) end
  for name in string.gmatch(names, '[^\\n]+') do redis.call('ZADD', KEYS[1] .. ':listed:' .. name, sequence, id) end
end

local function count_use(owner, used, used_before)
  if used == used_before then return end
  for _, key in ipairs(owner == '' and {':used'} or {':used', ':used:' .. owner}) do
    if used_before ~= '' then redis.call('ZREM', KEYS[1] .. key, used_before) end
    if used ~= '' then redis.call('ZADD', KEYS[1] .. key, 0, used) end
  end
end

local function repeated(row, fingerprint)
  return {row.fingerprint == fingerprint and 'duplicate' or 'reused', row.json, row.created_at, row.balance_after}
end
`

/** The owner is `''` when no customer pays; a customer's key begins with what is no id. */
export const balanceLua = `${moneyLua}
local function balance_key(owner) return KEYS[1] .. ':customer:' .. owner end

-- Nil without a customer.
local function read_balance(owner)
  if owner == '' then return nil end
  local values = redis.call('HMGET', balance_key(owner), 'cycle', 'bundle', 'held')
  return {cycle = parse(values[1] or '0'), bundle = parse(values[2] or '0'), held = parse(values[3] or '0')}
end

local function write_balance(owner, balance)
  redis.call('HSET', balance_key(owner), 'cycle', text(balance.cycle), 'bundle', text(balance.bundle),
    'held', text(balance.held))
end

local function with_balance(answer, balance)
  if balance then
    for _, part in ipairs({balance.cycle, balance.bundle, balance.held}) do answer[#answer + 1] = text(part) end
  end
  return answer
end

-- What no storage may keep, or nil.
local function overflow(balance)
  for _, part in ipairs({balance.cycle, balance.bundle, balance.held}) do
    if not fits(part) then return {'overflow', text(part)} end
  end
end
`

/** Ids in, json, created_at and balance_after of each out; json is `''` for none. */
export const readRows = scriptOf(
  rowLua,
  `
local answer = {}
for _, id in ipairs(ARGV) do
  local row = read_row(id) or {json = '', created_at = '', balance_after = ''}
  for _, field in ipairs({'json', 'created_at', 'balance_after'}) do answer[#answer + 1] = row[field] end
end
return answer
`,
)

/** An id and a fingerprint in, `duplicate` or `reused` and the row out; nothing for none. */
export const readRepeated = scriptOf(
  rowLua,
  `
local row = read_row(ARGV[1])
return row and repeated(row, ARGV[2]) or {}
`,
)

/** Reads the three texts of a row. */
export function recordIn([json = '', created_at = '', balance_after = '']: readonly string[]): RequestRecord | null {
  if (json === '') return null
  const record = { ...readRecord(json), created_at }
  return balance_after === '' ? record : { ...record, balance_after: formatMoney(moneyIn(balance_after)) }
}

/** Reads cycle, bundle and held; null when there are none. */
export function balanceIn([cycle = '', bundle = '', held = '']: readonly string[]): Balance | null {
  if (cycle === '') return null
  return { cycle: moneyIn(cycle), bundle: moneyIn(bundle), held: moneyIn(held) }
}

export function moneyIn(digits: string): Money {
  return money(BigInt(digits))
}

/** @throws RangeError when a script found an amount beyond 64 bits; it has written nothing. */
export function refuseOverflow([outcome, amount]: readonly string[]): void {
  if (outcome === 'overflow') storable(BigInt(amount ?? ''))
}

/** JSON escapes line ends, so that names are parted by them. */
export function namesOf({ customer_id, meter_id, metadata }: RequestRow): string {
  const names = [allName]
  if (customer_id !== null) names.push(customerName(customer_id))
  if (meter_id !== null) names.push(meterName(meter_id))
  for (const [key, value] of pairsOf(metadata)) names.push(pairName(key, value))
  return names.join('\n')
}

export const allName = 'all'

export function customerName(customer_id: string): string {
  return `customer:${JSON.stringify(customer_id)}`
}

export function meterName(meter_id: string): string {
  return `meter:${JSON.stringify(meter_id)}`
}

export function pairName(key: string, value: string): string {
  return `pair:${JSON.stringify([key, value])}`
}
