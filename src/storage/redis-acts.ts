// Redis acts: each act of the contract as one script, and the script's answer as an outcome.
import assert from 'node:assert/strict'
import type { Balance } from '../ledger/balance.ts'
import type { RequestRecord } from '../ledger/request-record.ts'
import type { CreditOutcome, RenewOutcome, SettleOutcome, StorageAdapter } from '../ledger/storage-adapter.ts'
import { formatMoney } from '../money.ts'
import { checkCredit, checkHold, checkRelease, checkRenew, checkSettle } from './decisions.ts'
import type { Claims } from './redis-claims.ts'
import type { Redis, Script } from './redis-client.ts'
import { creditArgs, creditScript } from './redis-credit.ts'
import { releaseArgs, releaseScript, settleArgs, settleScript } from './redis-finish.ts'
import { holdArgs, holdScript } from './redis-hold.ts'
import { shardOf, shardOfRecord, type Keys } from './redis-keys.ts'
import { changeHeldArgs, changeHeldScript, renewScript } from './redis-renew.ts'
import { balanceIn, moneyIn, readRepeated, recordIn, refuseOverflow } from './redis-rows.ts'

export type Acts = Pick<StorageAdapter, 'hold' | 'settle' | 'release' | 'renew' | 'credit'>

/** The scripts of which each carries out one act. */
export const actScripts = [holdScript, settleScript, releaseScript, renewScript, changeHeldScript, creditScript]

/** @param nextToken gives another text each time, in whatever process. */
export function actsOn(redis: Redis, keys: Keys, claims: Claims, nextToken: () => string): Acts {
  return {
    async hold(act) {
      checkHold(act)
      checkPayer(act.record.customer_id)
      const answer = await opened(redis, keys, claims, act, {
        token: nextToken(),
        script: holdScript,
        args: holdArgs(act),
      })
      refuseOverflow(answer)
      const [outcome, ...rest] = answer
      if (outcome === 'held') return { outcome, balance: balanceIn(rest) }
      if (outcome !== 'insufficient') return repeatedIn(answer)
      const [claim = '', ...balance] = rest
      if (claim !== '') await claims.drop('request', act.record.request_id, claim)
      return { outcome, balance: balanceOf(balance) }
    },
    async settle(act) {
      const { record, total, opens } = act
      checkSettle(act)
      checkPayer(record.customer_id)
      if (total) assert.equal(total.customer_id, record.customer_id, 'the total is that of the payer')
      const opening = { token: nextToken(), script: settleScript, args: settleArgs(act) }
      // The row of a hold is where its customer is, under the hold's claim.
      const shard = shardOfRecord(record)
      const answer = opens
        ? await opened(redis, keys, claims, act, opening)
        : await redis.run(settleScript, keys.scriptKeys(shard), [
            record.request_id,
            shard,
            opening.token,
            '',
            '',
            ...opening.args,
          ])
      return settledIn(answer, record)
    },
    ...actsOnHeld(redis, keys, claims, nextToken),
    async credit(act) {
      checkCredit(act)
      checkPayer(act.customer_id)
      const claimed = await claims.underClaim({
        kind: 'entry',
        id: act.entry_id,
        shard: shardOf(act.customer_id),
        token: nextToken(),
        script: creditScript,
        args: creditArgs(act),
      })
      return 'answer' in claimed ? creditedIn(claimed.answer) : { outcome: 'reused' }
    },
  }
}

function actsOnHeld(
  redis: Redis,
  keys: Keys,
  claims: Claims,
  nextToken: () => string,
): Pick<Acts, 'release' | 'renew'> {
  return {
    async release(act) {
      checkRelease(act)
      checkPayer(act.record.customer_id)
      const shardKeys = keys.scriptKeys(shardOfRecord(act.record))
      const [outcome, created_at = '', balance_after = ''] = await redis.run(
        releaseScript,
        shardKeys,
        releaseArgs(act, nextToken()),
      )
      if (outcome !== 'released') return { outcome: 'not_held' }
      return { outcome, record: finishedRecord(act.record, created_at, balance_after) }
    },
    async renew(act) {
      checkRenew(act)
      if (act.held) {
        checkPayer(act.held.record.customer_id)
        const shardKeys = keys.scriptKeys(shardOfRecord(act.held.record))
        return renewedIn(await redis.run(changeHeldScript, shardKeys, changeHeldArgs(act, act.held)))
      }
      const shard = await claims.shardOfId('request', act.request_id)
      if (shard === '') return { outcome: 'not_held' }
      const args = [act.request_id, String(act.expires_at_ms)]
      return renewedIn(await redis.run(renewScript, keys.scriptKeys(shard), args))
    },
  }
}

interface Opening {
  token: string
  script: Script
  args: readonly string[]
}

/** The answer of an act that may write the row of a new id. A row in another shard answers as one in this would. */
async function opened(
  redis: Redis,
  keys: Keys,
  claims: Claims,
  { record, fingerprint }: { record: RequestRecord; fingerprint: string },
  opening: Opening,
): Promise<string[]> {
  const { request_id: id } = record
  for (;;) {
    const claimed = await claims.underClaim({ kind: 'request', id, shard: shardOfRecord(record), ...opening })
    if ('answer' in claimed) return claimed.answer
    const repeated = await redis.run(readRepeated, keys.scriptKeys(claimed.elsewhere), [id, fingerprint])
    // None when that row was dropped meanwhile: the id is free again.
    if (repeated.length > 0) return repeated
  }
}

/** `''` stands for no customer in the scripts. */
function checkPayer(customer_id: string | null): void {
  assert.notEqual(customer_id, '', 'a customer id is not empty')
}

function settledIn(answer: readonly string[], act: RequestRecord): SettleOutcome {
  refuseOverflow(answer)
  const [outcome, first = '', balance_after = '', ...balance] = answer
  if (outcome === 'settled')
    return { outcome, record: finishedRecord(act, first, balance_after), balance: balanceIn(balance) }
  if (outcome === 'total_moved') return { outcome, total: BigInt(first) }
  return outcome === 'not_held' ? { outcome } : repeatedIn(answer)
}

function renewedIn(answer: readonly string[]): RenewOutcome {
  refuseOverflow(answer)
  const [outcome, ...balance] = answer
  if (outcome === 'insufficient') return { outcome, balance: balanceOf(balance) }
  return { outcome: outcome === 'renewed' ? outcome : 'not_held' }
}

function creditedIn(answer: readonly string[]): CreditOutcome {
  refuseOverflow(answer)
  const [outcome, ...balance] = answer
  if (outcome !== 'credited' && outcome !== 'duplicate') return { outcome: 'reused' }
  return { outcome, balance: balanceOf(balance) }
}

function finishedRecord(record: RequestRecord, created_at: string, balance_after: string): RequestRecord {
  return { ...record, created_at, balance_after: balance_after === '' ? null : formatMoney(moneyIn(balance_after)) }
}

function repeatedIn([outcome, ...row]: readonly string[]): { outcome: 'duplicate' | 'reused'; record: RequestRecord } {
  const record = recordIn(row)
  assert.ok((outcome === 'duplicate' || outcome === 'reused') && record, 'a script answers an outcome')
  return { outcome, record }
}

function balanceOf(parts: readonly string[]): Balance {
  const balance = balanceIn(parts)
  assert.ok(balance, 'a script answers the balance of a customer')
  return balance
}
