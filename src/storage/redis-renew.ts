// Redis renewal: moves the expiry of an open hold, and changes what it has set aside.
import { textOfRecord } from '../ledger/record-text.ts'
import type { HeldChange, RenewAct } from '../ledger/storage-adapter.ts'
import { scriptOf } from './redis-client.ts'
import { balanceLua, rowLua } from './redis-rows.ts'

export const renewScript = scriptOf(
  rowLua,
  `
local id, expiry = unpack(ARGV)
local row = read_row(id)
if not row or row.status ~= 'pending' then return {'not_held'} end
row.expiry = expiry
write_row(id, row)
redis.call('ZADD', KEYS[1] .. ':open', expiry, id)
return {'renewed'}
`,
)

export const changeHeldScript = scriptOf(
  balanceLua,
  rowLua,
  `
local id, expiry, owner, amount, overdraft, requires, json = unpack(ARGV)
local row = read_row(id)
if not row or row.owner ~= owner or row.status ~= 'pending' then return {'not_held'} end
local balance = read_balance(owner)
if balance then
  local more = subtract(parse(amount), parse(row.held))
  if requires ~= 'nothing' and less(ZERO, more) then
    local available = add(subtract(add(balance.cycle, balance.bundle), balance.held), parse(overdraft))
    if less(available, more) then return with_balance({'insufficient'}, balance) end
  end
  balance.held = add(balance.held, more)
  local too_much = overflow(balance)
  if too_much then return too_much end
  write_balance(owner, balance)
  row.held = amount
end
row.expiry, row.json = expiry, json
write_row(id, row)
redis.call('ZADD', KEYS[1] .. ':open', expiry, id)
return {'renewed'}
`,
)

export function changeHeldArgs({ request_id, expires_at_ms }: RenewAct, held: HeldChange): string[] {
  const { record, amount, overdraft, requires } = held
  return [
    request_id,
    String(expires_at_ms),
    record.customer_id ?? '',
    amount.toString(),
    overdraft.toString(),
    requires,
    textOfRecord(record),
  ]
}
