// Redis sweep: drops finished records that are older than the host keeps them.
import { claimLua, sequenceLua, type Claims } from './redis-claims.ts'
import { scriptOf, type Redis } from './redis-client.ts'
import { allShards, type Keys } from './redis-keys.ts'
import { rowLua } from './redis-rows.ts'

const batch = 200

// Sequences are times. A pending record is passed over, however old; balances, totals and entries are not looked at.
const sweepIn = scriptOf(
  rowLua,
  claimLua,
  sequenceLua,
  `
local keep_ms, after, batch = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])
local before = string.format('%.0f', now_us() - keep_ms * 1000)
local old = redis.call('ZRANGEBYSCORE', KEYS[1] .. ':listed:all', after, before, 'WITHSCORES', 'LIMIT', 0, batch)
local answer = {#old == batch * 2 and old[#old] or ''}
for index = 1, #old, 2 do
  local id = old[index]
  local row = read_row(id)
  if row and row.status ~= 'pending' then
    list(id, '', row.names)
    count_use(row.owner, '', row.used)
    redis.call('DEL', row_key(id))
    forfeit('request', id, row.claim)
    answer[#answer + 1] = id
    answer[#answer + 1] = row.claim
  end
end
return answer
`,
)

/** Claims go after their rows: after a crash in between they mean the same as none (redis-claims.ts). */
export async function sweep(redis: Redis, keys: Keys, claims: Claims, keepRecordsMs: number): Promise<void> {
  await Promise.all(
    allShards.map(async (shard) => {
      let from = '-inf'
      do {
        const args = [String(keepRecordsMs), from, String(batch)]
        const [reached = '', ...dropped] = await redis.run(sweepIn, keys.scriptKeys(shard), args)
        for (let index = 0; index < dropped.length; index += 2)
          await claims.drop('request', dropped[index] ?? '', dropped[index + 1] ?? '')
        from = reached === '' ? '' : `(${reached}`
      } while (from !== '')
    }),
  )
}
