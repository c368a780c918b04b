// Embedded storage: the contract over tables inside this process. An act reads and decides first, then writes.
import assert from 'node:assert/strict'
import { emptyBalance, type Balance } from '../ledger/balance.ts'
import type {
  CreditAct,
  MeterTotalKey,
  PutDocumentOutcome,
  RequestsPage,
  RequestsQuery,
  StorageAdapter,
  UsageDay,
  UsageQuery,
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

/** Rows by their keys, without rules. All calls are synchronous; only `transact` decides when they become durable. */
export interface Tables {
  /** Carries out the acts that `transact` has taken, then lets go of the tables. */
  close(): void
  /**
   * Carries out one act: all of it happens, or none when it rejects. `plan` only reads; no other act comes between it and its
   * write. It may be called again when nothing of its first call was kept.
   */
  transact<Outcome>(plan: () => Plan<Outcome>): Promise<Outcome>

  requestRow(request_id: string): RequestRow | null
  insertRequest(row: RequestRow): void
  /** Only what may change after the insertion is written: not who pays, its fingerprint, nor when it was created. */
  updateRequest(row: RequestRow, existing: RequestRow): void
  moveExpiry(request_id: string, expires_at_ms: number): void
  balance(customer_id: string): Balance | null
  putBalance(customer_id: string, balance: Balance): void
  entry(entry_id: string): CreditAct | null
  insertEntry(entry: CreditAct): void
  total(key: MeterTotalKey): bigint
  putTotal(key: MeterTotalKey, total: bigint): void

  /** Records of open holds, the earliest expiry first. */
  expired(now_ms: number, limit: number): RequestRow[]
  /** Newest first, of those before `before_sequence`. */
  listed(query: ListedQuery): ListedRow[]
  usage(query: UsageQuery): UsageDay[]

  /** JSON text. */
  document(kind: string, id: string): string | null
  putDocument(kind: string, id: string, document: string): void
  documents(kind: string, after_id: string | null, limit: number): { id: string; document: string }[]
  deleteDocument(kind: string, id: string): void
}

/** Unambiguous whatever the ids hold. */
export function totalKey({ customer_id, meter_id, cycle }: MeterTotalKey): string {
  return `${customer_id.length} ${meter_id.length} ${customer_id}${meter_id}${cycle}`
}

/** What an act answers, and what it has to write for that; null when it changes nothing. */
export interface Plan<Outcome> {
  outcome: Outcome
  write: (() => void) | null
}

export type ListedQuery = Pick<RequestsQuery, 'customer_id' | 'meter_id' | 'metadata' | 'limit'> & {
  before_sequence: number | null
}

export interface ListedRow {
  sequence: number
  record: string
}

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
      if (closing) (await closing).close()
    },

    hold: (act) => transact((open) => planOf(open, act, decideHold)),
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
