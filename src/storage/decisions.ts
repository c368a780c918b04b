// Decisions: what each act does, given the rows as they stand. Pure, and the same for every storage.
import assert from 'node:assert/strict'
import { addMoney, formatMoney, parseMoney, subtractMoney, zeroMoney } from '../money.ts'
import { availableOf, drawDown, totalOf, type Balance } from '../ledger/balance.ts'
import type { RequestRecord } from '../ledger/request-record.ts'
import type {
  CreditAct,
  CreditOutcome,
  HoldAct,
  HoldOutcome,
  HeldChange,
  MeterTotalKey,
  ReleaseAct,
  ReleaseOutcome,
  RenewAct,
  RenewOutcome,
  SettleAct,
  SettleOutcome,
} from '../ledger/storage-adapter.ts'
import { recordOf, rowOf, storable, storableAmount, type RequestRow } from './request-row.ts'

/** What to answer, and what to write first; `write: null` leaves everything as it is. */
export interface Decision<Outcome, Write> {
  outcome: Outcome
  write: Write | null
}

/** To be written in one transaction. */
export interface RequestWrite {
  row: RequestRow
  /** The payer's new balance; null without a customer. */
  balance: Balance | null
  total: (MeterTotalKey & { total: bigint }) | null
}

/** `existing` is the row of the act's id; `balance` the payer's, null exactly when the record has no customer. */
export function decideHold(
  act: HoldAct,
  existing: RequestRow | null,
  balance: Balance | null,
): Decision<HoldOutcome, RequestWrite> {
  const { record, fingerprint, expires_at_ms, amount } = act
  checkHold(act)
  checkPayer(record, balance)
  if (existing) return repeated(existing, fingerprint)
  if (balance && !covers(balance, act)) return { outcome: { outcome: 'insufficient', balance }, write: null }
  const after = balance && checkedBalance({ ...balance, held: addMoney(balance.held, amount) })
  const held = balance ? amount : zeroMoney
  const row = rowOf(record, { fingerprint, held, lost: false, expires_at_ms, charge: zeroMoney })
  return { outcome: { outcome: 'held', balance: after }, write: { row, balance: after, total: null } }
}

/** `total` is what the customer has used on the act's meter; not looked at when the act names none. */
export function decideSettle(
  act: SettleAct,
  existing: RequestRow | null,
  balance: Balance | null,
  total: bigint,
): Decision<SettleOutcome, RequestWrite> {
  checkSettle(act)
  checkPayer(act.record, balance)
  if (!isDue(act, existing) || !(existing ?? act.opens)) return { outcome: { outcome: 'not_held' }, write: null }
  // A settlement of an open hold is the holder's own, or recovery's, which knows no fingerprint; a report must show its own.
  const isTaken = !existing || (isOpen(existing) && (!act.opens || existing.fingerprint === act.fingerprint))
  if (existing && !isTaken) return repeated(existing, act.fingerprint)
  if (act.total && act.total.expected_total !== null && act.total.expected_total !== total)
    return { outcome: { outcome: 'total_moved', total }, write: null }

  const after = balance && checkedBalance(drawDown(freed(balance, existing), act.charge))
  const record = finished(act.record, existing, after)
  const fingerprint = existing?.fingerprint ?? act.fingerprint
  const state = { fingerprint, held: zeroMoney, lost: false, expires_at_ms: null, charge: act.charge, created_at_ms: existing?.created_at_ms } // prettier-ignore
  const row = rowOf(record, state)
  return {
    outcome: { outcome: 'settled', record, balance: after },
    write: { row, balance: after, total: act.total && newTotal(act.total, total) },
  }
}

/** `balance` as for a hold. */
export function decideRelease(
  act: ReleaseAct,
  existing: RequestRow | null,
  balance: Balance | null,
): Decision<ReleaseOutcome, RequestWrite> {
  checkRelease(act)
  checkPayer(act.record, balance)
  if (existing?.status !== 'pending' || !isDue(act, existing)) return { outcome: { outcome: 'not_held' }, write: null }
  const after = balance && checkedBalance(freed(balance, existing))
  const record = finished(act.record, existing, after)
  const { fingerprint } = existing
  const { lost } = act
  const row = rowOf(record, { fingerprint, held: zeroMoney, lost, expires_at_ms: null, charge: zeroMoney })
  return { outcome: { outcome: 'released', record }, write: { row, balance: after, total: null } }
}

/** Of a renewal that changes nothing but the expiry. What is written is the new one. */
export function decideRenew(act: RenewAct, existing: RequestRow | null): Decision<RenewOutcome, number> {
  checkRenew(act)
  if (existing?.status !== 'pending') return { outcome: { outcome: 'not_held' }, write: null }
  return { outcome: { outcome: 'renewed' }, write: act.expires_at_ms }
}

/** Of a renewal that changes what is held; `balance` as for a hold. */
export function decideHeldChange(
  act: RenewAct & { held: HeldChange },
  existing: RequestRow | null,
  balance: Balance | null,
): Decision<RenewOutcome, RequestWrite> {
  const { record, amount, overdraft, requires } = act.held
  checkRenew(act)
  checkPayer(record, balance)
  if (existing?.status !== 'pending') return { outcome: { outcome: 'not_held' }, write: null }
  assert.equal(record.customer_id, existing.customer_id, 'who pays does not change')
  const more = subtractMoney(amount, existing.held)
  if (balance && more > zeroMoney && !covers(balance, { requires, amount: more, overdraft }))
    return { outcome: { outcome: 'insufficient', balance }, write: null }
  const after = balance && checkedBalance({ ...balance, held: addMoney(balance.held, more) })
  const { fingerprint, lost, charge } = existing
  const held = balance ? amount : zeroMoney
  const row = rowOf(record, { fingerprint, held, lost, expires_at_ms: act.expires_at_ms, charge })
  return { outcome: { outcome: 'renewed' }, write: { row, balance: after, total: null } }
}

/** `existing` is the entry of the act's id; `balance` the customer's. What is written, beside the entry, is the new balance. */
export function decideCredit(
  act: CreditAct,
  existing: CreditAct | null,
  balance: Balance,
): Decision<CreditOutcome, Balance> {
  checkCredit(act)
  if (existing) {
    const { customer_id, amount, part } = existing
    const isRetry = customer_id === act.customer_id && amount === act.amount && part === act.part
    return { outcome: isRetry ? { outcome: 'duplicate', balance } : { outcome: 'reused' }, write: null }
  }
  const after = checkedBalance({ ...balance, [act.part]: addMoney(balance[act.part], act.amount) })
  return { outcome: { outcome: 'credited', balance: after }, write: after }
}

// What an act must say to be an act at all, whatever the rows are. A storage that decides in its own server checks it before.

export function checkHold({ record, amount, expires_at_ms }: HoldAct): void {
  assert.equal(record.status, 'pending', 'a hold writes a pending record')
  checkExpiry(expires_at_ms)
  storableAmount(amount, 'a hold')
  checkIds(record)
}

export function checkSettle({ record, charge, total }: SettleAct): void {
  assert.notEqual(record.status, 'pending', 'a settlement finishes the record')
  storableAmount(charge, 'a charge')
  if (record.charge) assert.equal(parseMoney(record.charge.amount), charge, 'the record says what is charged')
  if (total) assert.ok(total.units >= 0n, 'used units are not negative')
  checkIds(record)
}

export function checkRelease({ record }: ReleaseAct): void {
  assert.notEqual(record.status, 'pending', 'a release finishes the record')
  assert.equal(parseMoney(record.charge?.amount ?? '0'), zeroMoney, 'a release charges nothing')
  checkIds(record)
}

export function checkRenew({ request_id, expires_at_ms, held }: RenewAct): void {
  checkExpiry(expires_at_ms)
  if (!held) return
  assert.equal(held.record.request_id, request_id, 'the record is that of the act')
  assert.equal(held.record.status, 'pending', 'a renewal leaves the record pending')
  storableAmount(held.amount, 'a hold')
  checkIds(held.record)
}

export function checkCredit({ entry_id, customer_id, amount }: CreditAct): void {
  assert.ok(amount > zeroMoney, 'a credit is above zero')
  checkId(entry_id)
  checkId(customer_id)
}

function checkPayer(record: RequestRecord, balance: Balance | null): void {
  assert.equal(balance === null, record.customer_id === null, 'the balance is that of the payer')
}

function checkExpiry(expires_at_ms: number): void {
  assert.ok(Number.isSafeInteger(expires_at_ms), 'expires_at_ms is whole milliseconds')
}

function checkIds({ request_id, customer_id }: RequestRecord): void {
  checkId(request_id)
  checkId(customer_id ?? '')
}

/** UTF-8 has no lone surrogates: every one would become the same character, and so give two ids one row. */
function checkId(id: string): void {
  assert.ok(id.isWellFormed(), 'an id is well-formed Unicode')
}

/** Every balance passes here before it is written. */
function checkedBalance(balance: Balance): Balance {
  storableAmount(balance.held, 'what is held')
  storableAmount(balance.cycle, 'cycle credit')
  storable(balance.bundle)
  return balance
}

function covers(balance: Balance, { requires, amount, overdraft }: Pick<HoldAct, 'requires' | 'amount' | 'overdraft'>) {
  if (requires === 'nothing') return true
  const available = availableOf(balance, overdraft)
  return requires === 'positive' ? available > zeroMoney : available >= amount
}

function repeated(existing: RequestRow, fingerprint: string): { outcome: Repeated; write: null } {
  const outcome = existing.fingerprint === fingerprint ? 'duplicate' : 'reused'
  return { outcome: { outcome, record: recordOf(existing) }, write: null }
}

interface Repeated {
  outcome: 'duplicate' | 'reused'
  record: RequestRecord
}

function isOpen(row: RequestRow): boolean {
  return row.status === 'pending' || row.lost
}

/** Recovery's guard: between its look at the expired holds and its act, the holder may have renewed or settled. */
function isDue({ if_expired_at_ms }: SettleAct | ReleaseAct, existing: RequestRow | null): boolean {
  if (if_expired_at_ms === undefined) return true
  const expiry = existing?.status === 'pending' ? existing.expires_at_ms : null
  return expiry !== null && expiry <= if_expired_at_ms
}

/** What was set aside counts, not what the new record says of it. */
function freed(balance: Balance, existing: RequestRow | null): Balance {
  return { ...balance, held: subtractMoney(balance.held, existing?.held ?? zeroMoney) }
}

function finished(record: RequestRecord, existing: RequestRow | null, after: Balance | null): RequestRecord {
  if (existing) assert.equal(record.customer_id, existing.customer_id, 'who pays does not change')
  return {
    ...record,
    created_at: existing?.created_at ?? record.created_at,
    balance_after: after && formatMoney(totalOf(after)),
  }
}

function newTotal({ customer_id, meter_id, cycle, units }: NonNullable<SettleAct['total']>, total: bigint) {
  return { customer_id, meter_id, cycle, total: storable(total + units) }
}
