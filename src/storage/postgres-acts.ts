// PostgreSQL acts: what each function on the server is given, and the outcome read from its row.
import assert from 'node:assert/strict'
import { zeroMoney } from '../money.ts'
import { emptyBalance, type Balance } from '../ledger/balance.ts'
import type { RequestRecord } from '../ledger/request-record.ts'
import type {
  CreditAct,
  CreditOutcome,
  HeldChange,
  HoldAct,
  HoldOutcome,
  ReleaseAct,
  ReleaseOutcome,
  RenewAct,
  RenewOutcome,
  SettleAct,
  SettleOutcome,
} from '../ledger/storage-adapter.ts'
import { decideCredit, decideHeldChange, decideHold, decideRelease, decideRenew, decideSettle } from './decisions.ts'
import { balanceOf, checkTexts, rowsOf, textOf, type TextRow } from './postgres-columns.ts'
import type { Query } from './postgres-pool.ts'
import { pairsOf, readRecord, rowOf, type RequestRow } from './request-row.ts'

interface Acts {
  hold(act: HoldAct): Promise<HoldOutcome>
  settle(act: SettleAct): Promise<SettleOutcome>
  release(act: ReleaseAct): Promise<ReleaseOutcome>
  renew(act: RenewAct): Promise<RenewOutcome>
  credit(act: CreditAct): Promise<CreditOutcome>
}

/**
 * @param schema quoted.
 * @param nextAttempt names a call; no two calls have the same name.
 */
export function actsOn(query: Query, schema: string, nextAttempt: () => string): Acts {
  const balance = 'balance_cycle::text AS cycle, balance_bundle::text AS bundle, balance_held::text AS held'
  const hold = `SELECT outcome, ${balance}, first_record FROM ${schema}.lava_hold_1(${placeholders(14)})`
  const finish = `SELECT outcome, ${balance}, first_record, total::text, began_at, balance_after
    FROM ${schema}.lava_finish_1(${placeholders(21)})`
  const credit = `SELECT outcome, ${balance} FROM ${schema}.lava_credit_1(${placeholders(6)})`
  const renew = `UPDATE ${schema}.lava_requests SET expires_at_ms = $2
    WHERE request_id = $1 AND status = 'pending' RETURNING request_id`
  const change = `SELECT outcome, ${balance} FROM ${schema}.lava_renew_1(${placeholders(6)})`
  const call = async (sql: string, values: readonly unknown[]): Promise<TextRow> => {
    const [row] = rowsOf(await query(sql, values, 'often'))
    assert.ok(row, 'a function answers with a row')
    return row
  }

  return {
    async hold(act) {
      return heldOf(await call(hold, holdValues(act, nextAttempt())), act)
    },
    async settle(act) {
      return settledOf(await call(finish, settleValues(act, nextAttempt())), act)
    },
    async release(act) {
      const row = await call(finish, releaseValues(act, nextAttempt()))
      if (textOf(row, 'outcome') === 'not_held') return { outcome: 'not_held' }
      return { outcome: 'released', record: finished(act.record, row) }
    },
    async renew(act) {
      if (act.held) return renewedOf(await call(change, changeValues(act, act.held)))
      decideRenew(act, null)
      checkTexts(act.request_id)
      const rows = await query(renew, [act.request_id, act.expires_at_ms], 'often')
      return { outcome: rows.length > 0 ? 'renewed' : 'not_held' }
    },
    async credit(act) {
      decideCredit(act, null, emptyBalance)
      const { entry_id, customer_id, amount, part, created_at } = act
      checkTexts(entry_id, customer_id, created_at)
      const values = [nextAttempt(), entry_id, customer_id, amount.toString(), part, created_at]
      const row = await call(credit, values)
      const outcome = textOf(row, 'outcome')
      if (outcome === 'reused') return { outcome }
      assert.ok(outcome === 'credited' || outcome === 'duplicate', 'a credit has one of three outcomes')
      return { outcome, balance: balanceOf(row) }
    },
  }
}

// The shared decisions check each act here, on a customer without money, and give the row that would be written: what stands on
// the server they can't see.

function holdValues(act: HoldAct, attempt: string): unknown[] {
  const { write } = decideHold({ ...act, requires: 'nothing' }, null, nobodys(act.record))
  assert.ok(write, 'a hold that requires nothing is written')
  const { requires, amount, overdraft, expires_at_ms } = act
  const least = requires === 'nothing' ? null : (requires === 'positive' ? 1n : amount) - overdraft
  return [
    attempt,
    amount.toString(),
    least?.toString() ?? null,
    expires_at_ms,
    ...columnsOf({ ...write.row, fingerprint: act.fingerprint }),
    write.row.record,
  ]
}

function settleValues(act: SettleAct, attempt: string): unknown[] {
  const { total } = act
  const { write } = decideSettle(
    {
      record: act.record,
      fingerprint: act.fingerprint,
      charge: act.charge,
      opens: true,
      total: total && { ...total, expected_total: null },
    },
    null,
    nobodys(act.record),
    total?.expected_total ?? 0n,
  )
  assert.ok(write, 'a report is written')
  checkTexts(total?.customer_id, total?.meter_id, total?.cycle)
  return [
    attempt,
    act.opens ? 'report' : 'settle',
    false,
    act.if_expired_at_ms ?? null,
    act.charge.toString(),
    write.row.status,
    ...columnsOf(write.row),
    restOf(act.record),
    total?.customer_id ?? null,
    total?.meter_id ?? null,
    total?.cycle ?? null,
    total?.units.toString() ?? null,
    total?.expected_total?.toString() ?? null,
  ]
}

function releaseValues(act: ReleaseAct, attempt: string): unknown[] {
  const { record, lost, if_expired_at_ms } = act
  const open = { fingerprint: '', held: zeroMoney, lost: false, expires_at_ms: null, charge: zeroMoney }
  const { write } = decideRelease({ record, lost }, rowOf({ ...record, status: 'pending' }, open), nobodys(record))
  assert.ok(write, 'the release of an open hold is written')
  const state = [attempt, 'release', lost, if_expired_at_ms ?? null, '0', write.row.status]
  return [...state, ...columnsOf(write.row), restOf(record), null, null, null, null, null]
}

function changeValues(act: RenewAct, held: HeldChange): unknown[] {
  decideHeldChange({ ...act, held }, null, nobodys(held.record))
  const { record, amount, overdraft, requires } = held
  checkTexts(act.request_id, record.customer_id)
  const below = requires === 'nothing' ? null : overdraft.toString()
  return [act.request_id, record.customer_id, act.expires_at_ms, amount.toString(), below, JSON.stringify(record)]
}

function nobodys(record: RequestRecord): Balance | null {
  return record.customer_id === null ? null : { ...emptyBalance }
}

/** The ten columns that every function on records takes, in their order. */
function columnsOf(row: RequestRow): unknown[] {
  const { request_id, customer_id, meter_id, fingerprint, created_at, created_at_ms } = row
  checkTexts(request_id, customer_id, meter_id, fingerprint, created_at)
  const identity = [request_id, customer_id, meter_id, fingerprint, created_at, created_at_ms]
  return [...identity, row.cost.toString(), row.total_tokens, [...pairsOf(row.metadata)].map(pairText)]
}

/** A pair of metadata as JSON text, in which any character can be stored. */
export function pairText(pair: readonly [key: string, value: string]): string {
  return JSON.stringify(pair)
}

/** The record's JSON after its brace, without the two fields that the server adds. */
function restOf(record: RequestRecord): string {
  return JSON.stringify({ ...record, created_at: undefined, balance_after: undefined }).slice(1)
}

function heldOf(row: TextRow, { record }: HoldAct): HoldOutcome {
  const outcome = textOf(row, 'outcome')
  if (outcome === 'held') return { outcome, balance: record.customer_id === null ? null : balanceOf(row) }
  if (outcome === 'insufficient') return { outcome, balance: balanceOf(row) }
  return repeated(row)
}

function settledOf(row: TextRow, { record }: SettleAct): SettleOutcome {
  switch (textOf(row, 'outcome')) {
    case 'finished':
      return {
        outcome: 'settled',
        record: finished(record, row),
        balance: record.customer_id === null ? null : balanceOf(row),
      }
    case 'not_held':
      return { outcome: 'not_held' }
    case 'total_moved':
      return { outcome: 'total_moved', total: BigInt(textOf(row, 'total')) }
    default:
      return repeated(row)
  }
}

function renewedOf(row: TextRow): RenewOutcome {
  const outcome = textOf(row, 'outcome')
  if (outcome === 'insufficient') return { outcome, balance: balanceOf(row) }
  assert.ok(outcome === 'renewed' || outcome === 'not_held', 'a renewal has one of three outcomes')
  return { outcome }
}

function repeated(row: TextRow): { outcome: 'duplicate' | 'reused'; record: RequestRecord } {
  const outcome = textOf(row, 'outcome')
  assert.ok(outcome === 'duplicate' || outcome === 'reused', 'an act that was not carried out is a repetition')
  return { outcome, record: readRecord(textOf(row, 'first_record')) }
}

function finished(record: RequestRecord, row: TextRow): RequestRecord {
  return { ...record, created_at: textOf(row, 'began_at'), balance_after: row.balance_after ?? null }
}

function placeholders(count: number): string {
  return Array.from({ length: count }, (_, index) => `$${index + 1}`).join(', ')
}
