// Redis finish: settles and releases; the acts that end a hold, and the report that has none.
import type { ReleaseAct, SettleAct } from '../ledger/storage-adapter.ts'
import type { RequestRecord } from '../ledger/request-record.ts'
import { zeroMoney, type Money } from '../money.ts'
import { claimLua, sequenceLua } from './redis-claims.ts'
import { scriptOf } from './redis-client.ts'
import { balanceLua, namesOf, rowLua } from './redis-rows.ts'
import { timeKey, usedBy } from './redis-usage.ts'
import { rowOf } from './request-row.ts'

const finishLua = `
-- Recovery's guard: between its look at the expired holds and its act, the holder may have renewed or settled.
local function is_due(row, guard)
  if guard == '' then return true end
  return row ~= nil and row.status == 'pending' and tonumber(row.expiry) <= tonumber(guard)
end

-- Frees what was set aside, takes the charge: cycle credit first, then bundle credit, which may go below zero.
local function draw_down(balance, held, charge)
  local from_cycle = less(charge, balance.cycle) and charge or balance.cycle
  return {
    cycle = subtract(balance.cycle, from_cycle),
    bundle = subtract(balance.bundle, subtract(charge, from_cycle)),
    held = subtract(balance.held, held),
  }
end

-- Writes what is finished. The first act's sequence, fingerprint, claim and creation stay.
local function finish(id, row, before, owner, balance, usage)
  local used_before, names_before = '', ''
  if before then
    for _, field in ipairs({'sequence', 'fingerprint', 'claim', 'created_at', 'created_key'}) do
      row[field] = before[field]
    end
    used_before, names_before = before.used, before.names
    if before.status == 'pending' then redis.call('ZREM', KEYS[1] .. ':open', id) end
  end
  row.owner, row.held, row.expiry = owner, '0', ''
  row.balance_after = balance and text(add(balance.cycle, balance.bundle)) or ''
  row.used = usage == '' and '' or row.created_key .. usage
  if balance then write_balance(owner, balance) end
  write_row(id, row)
  list(id, row.names, names_before, row.sequence)
  count_use(owner, row.used, used_before)
end
`

export const settleScript = scriptOf(
  balanceLua,
  rowLua,
  claimLua,
  sequenceLua,
  finishLua,
  `
local id, shard, token, claim, sequence, owner, fingerprint, opens, guard, charge, meter, units, expected, created_at,
  created_key, status, usage, names, json = unpack(ARGV)

local before = read_row(id)
local balance = read_balance(owner)
if before and before.owner ~= owner then
  return opens == '' and {'not_held'} or repeated(before, fingerprint)
end
if before and before.token == token and before.status ~= 'pending' then
  return with_balance({'settled', before.created_at, before.balance_after}, balance)
end
if not is_due(before, guard) or not (before or opens ~= '') then return {'not_held'} end
if before then
  -- The holder's settlement, or recovery's, which knows no fingerprint; a report must show its own.
  local is_open = before.status == 'pending' or before.lost ~= ''
  if not is_open or (opens ~= '' and before.fingerprint ~= fingerprint) then return repeated(before, fingerprint) end
else
  local refusal
  refusal, claim = claimed('request', id, shard, token, claim)
  if refusal then return refusal end
end

local totals_key, total = KEYS[1] .. ':total:' .. owner, nil
if meter ~= '' then
  local used = redis.call('HGET', totals_key, meter) or '0'
  if expected ~= '' and expected ~= used then return {'total_moved', used} end
  total = add(parse(used), parse(units))
  if not fits(total) then return {'overflow', text(total)} end
end
if balance then
  balance = draw_down(balance, before and parse(before.held) or ZERO, parse(charge))
  local too_much = overflow(balance)
  if too_much then return too_much end
end

if total then redis.call('HSET', totals_key, meter, text(total)) end
if not before then
  if KEYS[4] then sequence = next_sequence(KEYS[4]) end
  keep_claim(claim)
end
local row = {status = status, lost = '', fingerprint = fingerprint, token = token, sequence = sequence, claim = claim,
  created_at = created_at, created_key = created_key, names = names, json = json}
finish(id, row, before, owner, balance, usage)
return with_balance({'settled', row.created_at, row.balance_after}, balance)
`,
)

export const releaseScript = scriptOf(
  balanceLua,
  rowLua,
  finishLua,
  `
local id, token, owner, guard, lost, status, usage, names, json = unpack(ARGV)

local before = read_row(id)
if not before or before.owner ~= owner then return {'not_held'} end
if before.token == token then return {'released', before.created_at, before.balance_after} end
if before.status ~= 'pending' or not is_due(before, guard) then return {'not_held'} end
local balance = read_balance(owner)
if balance then balance.held = subtract(balance.held, parse(before.held)) end
local row = {status = status, lost = lost, token = token, names = names, json = json}
finish(id, row, before, owner, balance, usage)
return {'released', row.created_at, row.balance_after}
`,
)

/** After id, shard, token, claim and sequence. */
export function settleArgs(act: SettleAct): string[] {
  const { record, fingerprint, charge, opens, total } = act
  const { created_at, created_key, finished } = finishedArgs(record, charge, fingerprint)
  return [
    record.customer_id ?? '',
    fingerprint,
    opens ? '1' : '',
    guardOf(act),
    charge.toString(),
    total ? totalField(total) : '',
    total ? total.units.toString() : '',
    total && total.expected_total !== null ? total.expected_total.toString() : '',
    created_at,
    created_key,
    ...finished,
  ]
}

export function releaseArgs(act: ReleaseAct, token: string): string[] {
  const { record, lost } = act
  const { finished } = finishedArgs(record, zeroMoney, '')
  return [record.request_id, token, record.customer_id ?? '', guardOf(act), lost ? '1' : '', ...finished]
}

/** The field of a total in the customer's hash. */
export function totalField({ meter_id, cycle }: { meter_id: string; cycle: string }): string {
  return JSON.stringify([meter_id, cycle])
}

function finishedArgs(record: RequestRecord, charge: Money, fingerprint: string) {
  const row = rowOf(
    { ...record, balance_after: null },
    { fingerprint, held: zeroMoney, lost: false, expires_at_ms: null, charge },
  )
  return {
    created_at: row.created_at,
    created_key: timeKey(row.created_at_ms),
    finished: [row.status, usedBy(row), namesOf(row), row.record],
  }
}

function guardOf({ if_expired_at_ms }: { if_expired_at_ms?: number }): string {
  return if_expired_at_ms === undefined ? '' : String(if_expired_at_ms)
}
