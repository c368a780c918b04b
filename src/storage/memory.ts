// Memory storage: the whole contract except that nothing outlives the process. For tests and trials.
import type { Balance } from '../ledger/balance.ts'
import type { CreditAct, StorageAdapter, UsageQuery } from '../ledger/storage-adapter.ts'
import { embeddedStorage } from './embedded.ts'
import { pairsOf, type RequestRow } from './request-row.ts'
import { totalKey, type ListedQuery, type ListedRow, type Tables } from './tables.ts'
import { usageByDay, type CompletedRow } from './usage-days.ts'

/**
 * Keeps balances and records in this process. What was written is still there when the same instance is opened again;
 * nothing is ever dropped, so memory grows with the records.
 *
 * @example
 * lavaGateway({ storage: memoryStorage() })
 */
export function memoryStorage(): StorageAdapter {
  const tables = memoryTables()
  return embeddedStorage('memoryStorage', () => Promise.resolve(tables))
}

interface Kept {
  sequence: number
  row: RequestRow
}

function memoryTables(): Tables {
  const kept = new Map<string, Kept>()
  const open = new Map<string, Kept>()
  const newestLast: Kept[] = []
  const byCustomer = new Map<string, Kept[]>()
  const balances = new Map<string, Balance>()
  const entries = new Map<string, CreditAct>()
  const totals = new Map<string, bigint>()

  return {
    close: () => Promise.resolve(),
    // A plan that throws has written nothing, and a write here can't fail.
    transact: (plan) =>
      new Promise((resolve) => {
        const { outcome, write } = plan()
        write?.()
        resolve(outcome)
      }),

    requestRow: (request_id) => kept.get(request_id)?.row ?? null,
    insertRequest(row) {
      const added = { sequence: newestLast.length + 1, row }
      kept.set(row.request_id, added)
      newestLast.push(added)
      if (row.status === 'pending') open.set(row.request_id, added)
      if (row.customer_id !== null) listOf(byCustomer, row.customer_id).push(added)
    },
    updateRequest(row) {
      const found = kept.get(row.request_id)
      if (found) found.row = row
      if (row.status !== 'pending') open.delete(row.request_id)
    },
    moveExpiry(request_id, expires_at_ms) {
      const found = open.get(request_id)
      if (found) found.row = { ...found.row, expires_at_ms }
    },
    balance: (customer_id) => copyOf(balances.get(customer_id)),
    putBalance: (customer_id, balance) => balances.set(customer_id, { ...balance }),
    entry: (entry_id) => entries.get(entry_id) ?? null,
    insertEntry: (entry) => entries.set(entry.entry_id, { ...entry }),
    total: (key) => totals.get(totalKey(key)) ?? 0n,
    putTotal: (key, total) => totals.set(totalKey(key), total),

    expired: (now_ms, limit) => expiredOf(open.values(), now_ms, limit),
    listed: (query) =>
      listed(query.customer_id === undefined ? newestLast : (byCustomer.get(query.customer_id) ?? []), query),
    usage: (query) => usageByDay(completed(newestLast, query), query.utc_offset_minutes),
    ...memoryDocuments(),
  }
}

function memoryDocuments(): Pick<Tables, 'document' | 'putDocument' | 'documents' | 'deleteDocument'> {
  const kinds = new Map<string, Map<string, string>>()
  return {
    document: (kind, id) => kinds.get(kind)?.get(id) ?? null,
    putDocument(kind, id, document) {
      const ofKind = kinds.get(kind) ?? new Map<string, string>()
      kinds.set(kind, ofKind.set(id, document))
    },
    documents: (kind, after_id, limit) =>
      [...(kinds.get(kind) ?? [])]
        .filter(([id]) => after_id === null || compareIds(id, after_id) > 0)
        .sort(([a], [b]) => compareIds(a, b))
        .slice(0, limit)
        .map(([id, document]) => ({ id, document })),
    deleteDocument: (kind, id) => kinds.get(kind)?.delete(id),
  }
}

function expiredOf(open: Iterable<Kept>, now_ms: number, limit: number): RequestRow[] {
  const due: { expiry: number; sequence: number; row: RequestRow }[] = []
  for (const { sequence, row } of open)
    if (row.expires_at_ms !== null && row.expires_at_ms <= now_ms)
      due.push({ expiry: row.expires_at_ms, sequence, row })
  due.sort((a, b) => a.expiry - b.expiry || a.sequence - b.sequence)
  return due.slice(0, limit).map(({ row }) => row)
}

function listed(rows: readonly Kept[], { before_sequence, meter_id, metadata, limit }: ListedQuery): ListedRow[] {
  const found: ListedRow[] = []
  const wanted = Object.entries(metadata ?? {})
  const first = before_sequence === null ? rows.length : lowestNotBefore(rows, before_sequence)
  for (let index = first - 1; index >= 0 && found.length < limit; index--) {
    const at = rows[index]
    if (!at || (meter_id !== undefined && at.row.meter_id !== meter_id)) continue
    if (wanted.length > 0 && !hasPairs(at.row.metadata, wanted)) continue
    found.push({ sequence: at.sequence, record: at.row.record })
  }
  return found
}

/** The index of the first row whose sequence is `sequence` or above. The rows are in that order. */
function lowestNotBefore(rows: readonly Kept[], sequence: number): number {
  let low = 0
  for (let high = rows.length; low < high;) {
    const middle = (low + high) >>> 1
    if ((rows[middle]?.sequence ?? sequence) < sequence) low = middle + 1
    else high = middle
  }
  return low
}

function hasPairs(metadata: string, wanted: readonly [string, string][]): boolean {
  const pairs = pairsOf(metadata)
  return wanted.every(([key, value]) => pairs.get(key) === value)
}

function* completed(rows: Iterable<Kept>, query: UsageQuery): Generator<CompletedRow> {
  for (const { row } of rows) {
    if (row.status !== 'completed' || row.created_at_ms < query.start_ms || row.created_at_ms > query.end_ms) continue
    if (query.customer_id !== undefined && row.customer_id !== query.customer_id) continue
    if (query.meter_id !== undefined && row.meter_id !== query.meter_id) continue
    yield row
  }
}

function listOf(lists: Map<string, Kept[]>, key: string): Kept[] {
  const list = lists.get(key) ?? []
  lists.set(key, list)
  return list
}

function copyOf(balance: Balance | undefined): Balance | null {
  return balance ? { ...balance } : null
}

/** By bytes, as SQLite compares text: code units order some characters otherwise. */
function compareIds(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
