// Embedded storage: the contract over tables inside this process. An act reads and decides first, then writes.
import assert from 'node:assert/strict'
import { emptyBalance, type Balance } from '../ledger/balance.ts'
import type {
  HoldAct,
  HoldOutcome,
  PutDocumentOutcome,
  RequestsPage,
  RequestsQuery,
  StorageAdapter,
} from '../ledger/storage-adapter.ts'
import { cursorAfter, sequenceOf } from './cursor.ts'
import {
  decideCredit,
  decideHeldChange,
  decideHold,
  decideRelease,
  decideRenew,
  decideSettle,
  type RequestWrite,
} from './decisions.ts'
import { readRecord, recordOf, type RequestRow } from './request-row.ts'
import type { Plan, Tables } from './tables.ts'

/**
 * A storage adapter over tables that `openTables` opens. Acts before `open` and after `close` reject; opening again is allowed.
 *
 * @param name for error messages: `sqliteStorage`.
 */
export function embeddedStorage(name: string, openTables: () => Promise<Tables>): StorageAdapter {
  let opening: Promise<Tables> | null = null
  /** What `opening` has led to: acts need not wait for it. */
  let opened: Tables | null = null
  const tables = (): Promise<Tables> => opening ?? Promise.reject(new Error(`${name} is closed: call open() first`))
  // At once where they are open: what is called first sees the tables first.
  const read = <Result>(act: (tables: Tables) => Result): Promise<Result> => {
    const open = opened
    return open ? new Promise((resolve) => resolve(act(open))) : tables().then(act)
  }
  const transact = <Outcome>(planned: (tables: Tables) => Plan<Outcome>): Promise<Outcome> => {
    const open = opened
    return open ? open.transact(() => planned(open)) : tables().then((found) => found.transact(() => planned(found)))
  }

  return {
    async open() {
      const attempt = (opening ??= openTables())
      try {
        const found = await attempt
        if (opening === attempt) opened = found
      } catch (error) {
        if (opening === attempt) opening = null
        throw error
      }
    },
    async close() {
      const closing = opening
      opening = opened = null
      if (closing) await (await closing).close()
    },

    hold: (act) => transact((open) => holdPlanOf(open, act)),
    settle: (act) =>
      transact((open) =>
        planOf(open, act, (_, existing, balance) =>
          decideSettle(act, existing, balance, act.total ? open.total(act.total) : 0n),
        ),
      ),
    release: (act) => transact((open) => planOf(open, act, decideRelease)),
    renew: (act) =>
      transact((open) => {
        const { request_id, held } = act
        if (held) return planOf(open, { ...act, record: held.record, held }, decideHeldChange)
        const { outcome, write } = decideRenew(act, open.requestRow(request_id))
        return { outcome, write: write === null ? null : () => open.moveExpiry(request_id, write) }
      }),
    credit: (act) =>
      transact((open) => {
        const { outcome, write } = decideCredit(act, open.entry(act.entry_id), balanceOf(open, act.customer_id))
        const writeBoth = (balance: Balance) => () => {
          open.insertEntry(act)
          open.putBalance(act.customer_id, balance)
        }
        return { outcome, write: write && writeBoth(write) }
      }),

    balance: (customer_id) => read((open) => balanceOf(open, customer_id)),
    meterTotal: (of) => read((open) => open.total(of)),
    expired: (now_ms, limit) => read((open) => open.expired(now_ms, wholeLimit(limit)).map(recordOf)),
    request: (request_id) =>
      read((open) => {
        const row = open.requestRow(request_id)
        return row && recordOf(row)
      }),
    requests: (query) => read((open) => page(open, query)),
    usage: (query) => read((open) => open.usage(query)),
    ...documentsOf(transact, read),
  }
}

function documentsOf(
  transact: <Outcome>(planned: (tables: Tables) => Plan<Outcome>) => Promise<Outcome>,
  read: <Result>(act: (tables: Tables) => Result) => Promise<Result>,
): Pick<StorageAdapter, 'document' | 'putDocument' | 'documents' | 'deleteDocument'> {
  return {
    document: (kind, id) =>
      read((open) => {
        const text = open.document(kind, id)
        return text === null ? null : parsed(text)
      }),
    putDocument: ({ kind, id, document, only_if_absent }) =>
      transact<PutDocumentOutcome>((open) => {
        const found = only_if_absent ? open.document(kind, id) : null
        if (found !== null) return { outcome: { outcome: 'exists', document: parsed(found) }, write: null }
        const text = jsonOf(document)
        return { outcome: { outcome: 'written' }, write: () => open.putDocument(kind, id, text) }
      }),
    documents: (kind, { after_id, limit }) =>
      read((open) =>
        open
          .documents(kind, after_id ?? null, wholeLimit(limit))
          .map(({ id, document }) => ({ id, document: parsed(document) })),
      ),
    deleteDocument: (kind, id) =>
      transact((open) => {
        const isThere = open.document(kind, id) !== null
        return { outcome: isThere, write: isThere ? () => open.deleteDocument(kind, id) : null }
      }),
  }
}

function holdPlanOf(open: Tables, act: HoldAct): Plan<HoldOutcome> {
  const plan = planOf(open, act, decideHold)
  const { outcome } = plan
  if (!act.durable_later || outcome.outcome !== 'held') return plan
  return { ...plan, beforeDurable: (durable) => ({ ...outcome, durable }) }
}

/** Reads the rows that a decision on a record needs, and writes what is decided. */
function planOf<Act extends { record: { request_id: string; customer_id: string | null } }, Outcome>(
  open: Tables,
  act: Act,
  decide: (
    act: Act,
    existing: RequestRow | null,
    balance: Balance | null,
  ) => { outcome: Outcome; write: RequestWrite | null },
): Plan<Outcome> {
  const { request_id, customer_id } = act.record
  const existing = open.requestRow(request_id)
  const { outcome, write } = decide(act, existing, customer_id === null ? null : balanceOf(open, customer_id))
  if (!write) return { outcome, write }
  const { row, balance, total } = write
  return {
    outcome,
    write() {
      if (existing) open.updateRequest(row, existing)
      else open.insertRequest(row)
      if (balance && customer_id !== null) open.putBalance(customer_id, balance)
      if (total) open.putTotal(total, total.total)
    },
  }
}

function balanceOf(open: Tables, customer_id: string): Balance {
  return open.balance(customer_id) ?? { ...emptyBalance }
}

function page(open: Tables, { cursor, limit, ...filters }: RequestsQuery): RequestsPage {
  const before_sequence = cursor === undefined ? null : sequenceOf(cursor)
  if (cursor !== undefined && before_sequence === null) return { data: [], next_cursor: null }
  // One row more than asked tells whether there is a next page.
  const rows = open.listed({ ...filters, before_sequence, limit: wholeLimit(limit) + 1 })
  const data = rows.slice(0, limit)
  const last = data.at(-1)
  return {
    data: data.map((row) => readRecord(row.record)),
    next_cursor: last && rows.length > limit ? cursorAfter(last.sequence) : null,
  }
}

function wholeLimit(limit: number): number {
  assert.ok(Number.isSafeInteger(limit) && limit > 0, 'a limit is a positive whole number')
  return limit
}

function jsonOf(document: unknown): string {
  const text: unknown = JSON.stringify(document)
  assert.ok(typeof text === 'string', 'a document is plain JSON')
  return text
}

function parsed(text: string): unknown {
  return JSON.parse(text)
}
