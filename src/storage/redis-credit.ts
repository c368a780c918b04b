// Redis credit: adds money to a customer, once per entry.
import type { CreditAct } from '../ledger/storage-adapter.ts'
import { claimLua } from './redis-claims.ts'
import { scriptOf } from './redis-client.ts'
import { balanceLua } from './redis-rows.ts'

export const creditScript = scriptOf(
  balanceLua,
  claimLua,
  `
local id, shard, token, claim, _, owner, part, amount, created_at = unpack(ARGV)

local key = KEYS[1] .. ':entry:' .. id
local balance = read_balance(owner)
local known = redis.call('HMGET', key, 'owner', 'part', 'amount', 'token')
if known[1] then
  if known[1] ~= owner or known[2] ~= part or known[3] ~= amount then return {'reused'} end
  return with_balance({known[4] == token and 'credited' or 'duplicate'}, balance)
end
local refusal
refusal, claim = claimed('entry', id, shard, token, claim)
if refusal then return refusal end

balance[part] = add(balance[part], parse(amount))
local too_much = overflow(balance)
if too_much then return too_much end
keep_claim(claim)
redis.call('HSET', key, 'owner', owner, 'part', part, 'amount', amount, 'token', token, 'created_at', created_at)
write_balance(owner, balance)
return with_balance({'credited'}, balance)
`,
)

export function creditArgs({ customer_id, part, amount, created_at }: CreditAct): string[] {
  return [customer_id, part, amount.toString(), created_at]
}
