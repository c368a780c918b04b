// Redis hold: writes the pending record and sets the money aside, or refuses.
import type { HoldAct } from '../ledger/storage-adapter.ts'
import { zeroMoney } from '../money.ts'
import { claimLua, sequenceLua } from './redis-claims.ts'
import { scriptOf } from './redis-client.ts'
import { balanceLua, namesOf, rowLua } from './redis-rows.ts'
import { timeKey } from './redis-usage.ts'
import { rowOf } from './request-row.ts'

export const holdScript = scriptOf(
  balanceLua,
  rowLua,
  claimLua,
  sequenceLua,
  `
local id, shard, token, claim, sequence, owner, fingerprint, amount, overdraft, requires, expiry, created_at,
  created_key, names, json = unpack(ARGV)

local row = read_row(id)
local balance = read_balance(owner)
if row then
  if row.token == token and row.status == 'pending' then return with_balance({'held'}, balance) end
  return repeated(row, fingerprint)
end
local refusal
refusal, claim = claimed('request', id, shard, token, claim)
if refusal then return refusal end

if balance then
  local asked = parse(amount)
  if requires ~= 'nothing' then
    local available = add(subtract(add(balance.cycle, balance.bundle), balance.held), parse(overdraft))
    local covers = requires == 'amount' and not less(available, asked) or requires == 'positive' and less(ZERO, available)
    if not covers then
      if not KEYS[3] then forfeit('request', id, claim) end
      return with_balance({'insufficient', KEYS[3] and '' or claim}, balance)
    end
  end
  balance.held = add(balance.held, asked)
  local too_much = overflow(balance)
  if too_much then return too_much end
  write_balance(owner, balance)
end

if KEYS[4] then sequence = next_sequence(KEYS[4]) end
keep_claim(claim)
write_row(id, {owner = owner, status = 'pending', lost = '', held = balance and amount or '0', expiry = expiry,
  fingerprint = fingerprint, token = token, sequence = sequence, claim = claim, created_at = created_at,
  created_key = created_key, balance_after = '', names = names, used = '', json = json})
redis.call('ZADD', KEYS[1] .. ':open', expiry, id)
list(id, names, '', sequence)
return with_balance({'held'}, balance)
`,
)

export function holdArgs({ record, fingerprint, amount, overdraft, requires, expires_at_ms }: HoldAct): string[] {
  const state = { fingerprint, held: amount, lost: false, expires_at_ms, charge: zeroMoney }
  const row = rowOf(record, state)
  return [
    record.customer_id ?? '',
    fingerprint,
    amount.toString(),
    overdraft.toString(),
    requires,
    String(expires_at_ms),
    row.created_at,
    timeKey(row.created_at_ms),
    namesOf(row),
    row.record,
  ]
}
