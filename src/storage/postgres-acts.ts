// PostgreSQL acts: what each function on the server is given, and the outcome read from its row.
import assert from 'node:assert/strict'
import { zeroMoney } from '../money.ts'
import { emptyBalance } from '../ledger/balance.ts'
import { textOfRecord, toldOf } from '../ledger/record-text.ts'
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
import { checkHold, checkRelease, checkRenew, checkSettle, decideCredit } from './decisions.ts'
import { balanceOf, checkTexts, rowsOf, textOf, type TextRow } from './postgres-columns.ts'
import type { GroupedAct, PostgresGroups } from './postgres-groups.ts'
import type { Query } from './postgres-pool.ts'
import { pairsOf, readRecord, rowOf, storable, type RequestRow } from './request-row.ts'

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
export function actsOn(query: Query, groups: PostgresGroups, schema: string, nextAttempt: () => string): Acts {
  const balance = 'balance_cycle::text AS cycle, balance_bundle::text AS bundle, balance_held::text AS held'
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
      return heldOf(await groups.carryOut(groupedHold(act, nextAttempt())), act)
    },
    async settle(act) {
      return settledOf(await groups.carryOut(groupedSettle(act, nextAttempt())), act)
    },
    async release(act) {
      const row = await groups.carryOut(groupedRelease(act, nextAttempt()))
      if (textOf(row, 'outcome') === 'not_held') return { outcome: 'not_held' }
      return { outcome: 'released', record: finished(act.record, row) }
    },
    async renew(act) {
      if (act.held) return renewedOf(await call(change, changeValues(act, act.held)))
      checkRenew(act)
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

function groupedHold(act: HoldAct, attempt: string): GroupedAct {
  checkHold(act)
  const { record, fingerprint, requires, amount, overdraft, expires_at_ms } = act
  const least = requires === 'nothing' ? null : (requires === 'positive' ? 1n : amount) - overdraft
  const own = ['hold', attempt, amount.toString(), least?.toString() ?? null, expires_at_ms]
  return grouped(own, rowOf(record, { ...blank, fingerprint }), [])
}

function groupedSettle(act: SettleAct, attempt: string): GroupedAct {
  checkSettle(act)
  const { record, fingerprint, charge, opens, total, if_expired_at_ms } = act
  const kind = opens ? 'report' : 'settle'
  const own = ['finish', attempt, kind, false, if_expired_at_ms ?? null, charge.toString(), record.status]
  return grouped(own, rowOf(record, { ...blank, fingerprint }, restOf(record)), total ? countedOf(total) : nothing)
}

function groupedRelease(act: ReleaseAct, attempt: string): GroupedAct {
  checkRelease(act)
  const { record, lost, if_expired_at_ms } = act
  const own = ['finish', attempt, 'release', lost, if_expired_at_ms ?? null, '0', record.status]
  return grouped(own, rowOf(record, blank, restOf(record)), nothing)
}

/** What a row says beyond its record is the server's to decide. */
const blank = { fingerprint: '', held: zeroMoney, lost: false, expires_at_ms: null, charge: zeroMoney } as const

type Values = GroupedAct['values']

function grouped(own: Values, row: RequestRow, counted: Values): GroupedAct {
  const { request_id, customer_id, meter_id, fingerprint, created_at, created_at_ms } = row
  checkTexts(request_id, customer_id, meter_id, fingerprint, created_at)
  const identity = [request_id, customer_id, meter_id, fingerprint, created_at, created_at_ms]
  const measures = [row.cost.toString(), String(row.total_tokens), pairsText(row.metadata)]
  return {
    firstLock: customer_id ?? request_id,
    values: [...own, ...identity, ...measures, ...counted],
    record: row.record,
  }
}

const nothing: Values = [null, null, null, null, null]

function countedOf({ customer_id, meter_id, cycle, units, expected_total }: NonNullable<SettleAct['total']>): Values {
  checkTexts(customer_id, meter_id, cycle)
  storable((expected_total ?? 0n) + units)
  return [customer_id, meter_id, cycle, units.toString(), expected_total?.toString() ?? null]
}

function changeValues(act: RenewAct, held: HeldChange): unknown[] {
  checkRenew(act)
  const { record, amount, overdraft, requires } = held
  checkTexts(act.request_id, record.customer_id)
  const below = requires === 'nothing' ? null : overdraft.toString()
  return [act.request_id, record.customer_id, act.expires_at_ms, amount.toString(), below, textOfRecord(record)]
}

/** As an array of PostgreSQL: in JSON text only quotation marks and backslashes need a backslash, and JSON puts it the same way. */
function pairsText(metadata: string): string {
  if (metadata === '{}') return metadata
  return `{${[...pairsOf(metadata)].map((pair) => JSON.stringify(pairText(pair))).join(',')}}`
}

/** A pair of metadata as JSON text, in which any character can be stored. */
export function pairText(pair: readonly [key: string, value: string]): string {
  return JSON.stringify(pair)
}

/** The record's JSON after its brace, without the two fields that the server adds. */
function restOf(record: RequestRecord): string {
  return JSON.stringify({ ...toldOf(record), created_at: undefined, balance_after: undefined }).slice(1)
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
