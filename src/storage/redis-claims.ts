// Redis claims: an id belongs to one shard, so that it is used once over all customers, on one server and on a cluster.
import { scriptOf, type Redis, type Script } from './redis-client.ts'
import type { ClaimKind, Keys } from './redis-keys.ts'

// A claim, `claim:<kind>:<id>` in the shard of the id, holds `<shard>:<token>`: the shard where the id's row is, and the
// attempt that claimed it. A row is only ever written under its claim:
// - On one server the claim is read and written by the act's own script. One round trip.
// - On a cluster they lie in two slots. The claim is taken first (beside the next sequence, in one round trip), then the act
//   runs. A crash between the two leaves a claim without a row, which means the same as no claim: the row alone is the truth.
//   Whoever wants the id for another shard then asks the claimed one to forfeit it: a script there finds the row, or marks that
//   very claim as forfeited, so that a late act under it writes nothing and claims again. Only then is the claim replaced, by
//   compare and set. So no two shards ever hold a row of the same id, whatever crashes or is delayed in between.
// The mark is kept for an hour, longer than any act is under way.

/** For scripts that may write a row of a new id. */
export const claimLua = `
-- Why the id can't be used in this shard, or nil and the claim that the row will be under.
local function claimed(kind, id, shard, token, claim)
  if KEYS[3] then
    local found = redis.call('GET', KEYS[3])
    if found and string.sub(found, 1, #shard) ~= shard then return {'elsewhere', found} end
    return nil, shard .. ':' .. token
  end
  if redis.call('GET', KEYS[1] .. ':forfeited:' .. kind .. ':' .. id) == claim then return {'forfeited'} end
  return nil, claim
end

-- The row is about to be written.
local function keep_claim(claim)
  if KEYS[3] then redis.call('SET', KEYS[3], claim) end
end

-- No row is written, and the claim may go.
local function forfeit(kind, id, claim)
  redis.call('SET', KEYS[1] .. ':forfeited:' .. kind .. ':' .. id, claim, 'EX', 3600)
end
`

/**
 * Sequences order all records by when they were written. They follow the server's clock (microseconds since 2020), so that a
 * server that lost its last writes gives none of them twice, and always grow. They fit 15 digits until 2051.
 */
export const sequenceLua = `
local function now_us()
  local time = redis.call('TIME')
  return (tonumber(time[1]) - 1577836800) * 1000000 + tonumber(time[2])
end

local function next_sequence(key)
  local now = now_us()
  local last = tonumber(redis.call('SET', key, string.format('%.0f', now), 'GET') or '0')
  if last < now then return string.format('%.0f', now) end
  local sequence = string.format('%.0f', last + 1)
  redis.call('SET', key, sequence)
  return sequence
end
`

export interface Claiming {
  kind: ClaimKind
  id: string
  /** Where the row shall be. */
  shard: string
  /** Names this attempt: when a client sends its command again after a lost connection, it gets its first outcome. */
  token: string
  script: Script
  /** After id, shard, token, claim and sequence. */
  args: readonly string[]
}

export interface Claims {
  /** Runs the script where the id is claimed for; `elsewhere` when another shard has a row of this id. */
  underClaim(claiming: Claiming): Promise<{ answer: string[] } | { elsewhere: string }>
  /** The shard that an id is claimed for; '' when it is unknown. */
  shardOfId(kind: ClaimKind, id: string): Promise<string>
  /** Lets go of claims whose rows are no more, if still the same. */
  drop(kind: ClaimKind, id: string, claim: string): Promise<void>
}

export function claimsOn(redis: Redis, keys: Keys, isOneServer: boolean): Claims {
  // On one server every act comes by here: no promise beside that of the script.
  const attemptAtOnce = ({ kind, id, shard, token, script, args }: Claiming): Promise<string[]> =>
    redis.run(
      script,
      [...keys.scriptKeys(shard), keys.claim(kind, id), keys.sequence],
      [id, shard, token, '', '', ...args],
    )
  const attemptInTwo = async ({ kind, id, shard, token, script, args }: Claiming, time: number): Promise<string[]> => {
    const [[claim = ''], [sequence = '']] = await Promise.all([
      redis.run(takeClaim, [keys.claim(kind, id)], [`${shard}:${token}:${time}`]),
      kind === 'request' ? redis.run(takeSequence, [keys.sequence], []) : [],
    ])
    if (shardIn(claim) !== shard) return ['elsewhere', claim]
    const answer = await redis.run(script, keys.scriptKeys(shard), [id, shard, token, claim, sequence, ...args])
    return answer[0] === 'forfeited' ? ['forfeited', claim] : answer
  }
  const attempt = isOneServer ? attemptAtOnce : attemptInTwo
  const drop = async (kind: ClaimKind, id: string, claim: string): Promise<void> => {
    await redis.run(dropClaim, [keys.claim(kind, id)], [claim])
  }
  return {
    async underClaim(claiming) {
      const { kind, id } = claiming
      // Another one got through each time, or a dead claim is out of the way, so this ends.
      for (let time = 0; ; time++) {
        const answer = await attempt(claiming, time)
        const [outcome, claim = ''] = answer
        if (outcome === 'elsewhere') {
          const elsewhere = shardIn(claim)
          const [found] = await redis.run(forfeitClaim, keys.scriptKeys(elsewhere), [kind, id, claim])
          if (found === 'row') return { elsewhere }
        } else if (outcome !== 'forfeited') return { answer }
        await drop(kind, id, claim)
      }
    },
    async shardOfId(kind, id) {
      const [claim = ''] = await redis.send(keys.claim(kind, id), 'GET', keys.claim(kind, id))
      return shardIn(claim)
    },
    drop,
  }
}

function shardIn(claim: string): string {
  return claim.slice(0, 2)
}

const takeClaim = scriptOf(`
if redis.call('SET', KEYS[1], ARGV[1], 'NX') then return {ARGV[1]} end
return {redis.call('GET', KEYS[1])}
`)

const takeSequence = scriptOf(sequenceLua, `return {next_sequence(KEYS[1])}`)

const forfeitClaim = scriptOf(
  claimLua,
  `
local kind, id, claim = unpack(ARGV)
if redis.call('EXISTS', KEYS[1] .. ':' .. kind .. ':' .. id) == 1 then return {'row'} end
forfeit(kind, id, claim)
return {'forfeited'}
`,
)

const dropClaim = scriptOf(`
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return {}
`)
