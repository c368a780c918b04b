// A storage on the host's own table users(id, credits), written from the contract alone: see StorageAdapter in lava-gateway.
import { DatabaseSync, type SQLInputValue, type SQLOutputValue } from 'node:sqlite'
import { formatMoney, money, parseMoney } from 'lava-gateway'
import type { Balance, HeldChange, HoldAct, MeterTotalKey, Money, RenewAct, RequestRecord, SettleAct, StorageAdapter } from 'lava-gateway' // prettier-ignore

/** `credits` are 1e-10 dollars: `formatMoney` prints them. What the gateway needs beside them is in two tables of its own. */
const tables = `PRAGMA journal_mode = WAL;
  CREATE TABLE IF NOT EXISTS users (id TEXT PRIMARY KEY, credits INTEGER NOT NULL DEFAULT 0);
  CREATE TABLE IF NOT EXISTS lava_requests (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, request_id TEXT NOT NULL UNIQUE, request TEXT NOT NULL,
    record AS (request -> '$.record'), status AS (request ->> '$.record.status'),
    customer_id AS (request ->> '$.record.customer_id'), meter_id AS (request ->> '$.record.meter_id'),
    created_at AS (request ->> '$.record.created_at'), expires_at_ms AS (request ->> '$.expires_at_ms'));
  CREATE INDEX IF NOT EXISTS lava_open ON lava_requests (expires_at_ms, sequence) WHERE status = 'pending';
  CREATE INDEX IF NOT EXISTS lava_customer ON lava_requests (customer_id, sequence);
  CREATE INDEX IF NOT EXISTS lava_day ON lava_requests (created_at) WHERE status = 'completed';
  CREATE TABLE IF NOT EXISTS lava_values (kind TEXT, id TEXT, value TEXT NOT NULL, PRIMARY KEY (kind, id));`

type Request = Pick<HoldAct, 'record' | 'fingerprint'> & { held: string; lost: boolean; expires_at_ms: number | null }
type Row = Record<string, SQLOutputValue>

export function usersStorage(path: string): StorageAdapter {
  let database: DatabaseSync | null = null

  function rows(text: string, ...values: SQLInputValue[]): Row[] {
    if (!database) throw new Error('usersStorage is closed: call open() first')
    return database.prepare(text).all(...values)
  }

  const read = <Result>(work: () => Result) => new Promise<Result>((resolve) => resolve(work()))
  /** One transaction; the work never waits, so nobody else's is in it. What it throws is a rejection. */
  const act = <Result>(work: () => Result) =>
    read(() => {
      rows('BEGIN IMMEDIATE')
      try {
        const result = work()
        rows('COMMIT')
        return result
      } finally {
        if (database?.isTransaction) rows('ROLLBACK')
      }
    })

  /** Documents, totals, holds and the ids of credits: JSON by kind and id. */
  const value = (kind: string, id: string) => jsonOf(rows('SELECT value FROM lava_values WHERE kind = ? AND id = ?', kind, id)[0]?.value) // prettier-ignore
  const putValue = (kind: string, id: string, content: unknown) =>
    rows('INSERT OR REPLACE INTO lava_values VALUES (?, ?, ?)', kind, id, JSON.stringify(content))
  const amount = (kind: string, id: string) => money(BigInt((value(kind, id) ?? '0') as string))

  function balanceOf(id: string): Balance {
    // As text: a JavaScript number would lose the last digits of a large balance.
    const [user] = rows('SELECT CAST(credits AS TEXT) AS credits FROM users WHERE id = ?', id)
    return { cycle: amount('#cycle', id), bundle: money(BigInt(String(user?.credits ?? 0))), held: amount('#held', id) }
  }

  function putBalance(id: string, { cycle, bundle, held }: Balance): void {
    rows('INSERT INTO users (id, credits) VALUES (?, ?) ON CONFLICT DO UPDATE SET credits = excluded.credits', id, bundle) // prettier-ignore
    putValue('#cycle', id, cycle.toString())
    putValue('#held', id, held.toString())
  }

  const find = (request_id: string) => jsonOf(rows('SELECT request FROM lava_requests WHERE request_id = ?', request_id)[0]?.request) as Request | null // prettier-ignore

  const put = (request: Request) =>
    rows('INSERT INTO lava_requests (request_id, request) VALUES (?, ?) ON CONFLICT DO UPDATE SET request = excluded.request', request.record.request_id, JSON.stringify(request)) // prettier-ignore

  /** Frees what was held, takes the charge (cycle credit first), completes the record. */
  function finish(record: RequestRecord, was: Request | null, fingerprint: string, charge: Money, lost: boolean) {
    const before = record.customer_id === null ? null : balanceOf(record.customer_id)
    const fromCycle = before && before.cycle < charge ? before.cycle : charge
    const balance = before && {
      cycle: money(before.cycle - fromCycle),
      bundle: money(before.bundle - charge + fromCycle),
      held: money(before.held - parseMoney(was?.held ?? '0')),
    }
    const balance_after = balance && formatMoney(money(balance.cycle + balance.bundle))
    const finished = { ...record, created_at: was?.record.created_at ?? record.created_at, balance_after }
    if (balance && record.customer_id !== null) putBalance(record.customer_id, balance)
    put({ record: finished, fingerprint: was?.fingerprint ?? fingerprint, held: '0', lost, expires_at_ms: null })
    return { record: finished, balance }
  }

  function settle({ record, fingerprint, charge, opens, total, if_expired_at_ms }: SettleAct) {
    const was = find(record.request_id)
    if (!(was ?? opens) || !isDue(was, if_expired_at_ms)) return { outcome: 'not_held' } as const
    const isOpen = was?.record.status === 'pending' || was?.lost === true
    if (was && !(isOpen && (!opens || was.fingerprint === fingerprint))) return repeated(was, fingerprint)
    const units = total ? amount('#total', nameOf(total)) : 0n
    if (total && total.expected_total !== null && total.expected_total !== units)
      return { outcome: 'total_moved', total: units } as const
    if (total) putValue('#total', nameOf(total), (units + total.units).toString())
    return { outcome: 'settled', ...finish(record, was, fingerprint, charge, false) } as const
  }

  /** Sets the amount aside, in place of what was held before, or refuses; less than before is always freed. */
  function setAside({ record, amount: wanted, overdraft, requires }: HeldChange | HoldAct, before: Money | null) {
    if (record.customer_id === null) return { outcome: 'set', balance: null, held: '0' } as const
    const balance = balanceOf(record.customer_id)
    const available = balance.cycle + balance.bundle - balance.held + overdraft
    const more = money(wanted - (before ?? 0n))
    const covered = requires === 'nothing' || (requires === 'positive' ? available > 0n : available >= more)
    if (!covered && !(before !== null && more <= 0n)) return { outcome: 'insufficient', balance } as const
    const after = { ...balance, held: money(balance.held + more) }
    putBalance(record.customer_id, after)
    return { outcome: 'set', balance: after, held: formatMoney(wanted) } as const
  }

  function hold(given: HoldAct) {
    const { record, fingerprint, expires_at_ms } = given
    const was = find(record.request_id)
    if (was) return repeated(was, fingerprint)
    const set = setAside(given, null)
    if (set.outcome === 'insufficient') return set
    put({ record, fingerprint, held: set.held, lost: false, expires_at_ms })
    return { outcome: 'held', balance: set.balance } as const
  }

  function renew({ request_id, expires_at_ms, held }: RenewAct) {
    const was = find(request_id)
    if (was?.record.status !== 'pending') return { outcome: 'not_held' } as const
    const set = held && setAside(held, parseMoney(was.held))
    if (set?.outcome === 'insufficient') return set
    put({ ...was, ...(held && set ? { record: held.record, held: set.held } : {}), expires_at_ms })
    return { outcome: 'renewed' } as const
  }

  return {
    open: () => read(() => (database ??= new DatabaseSync(path, { timeout: 5000 })).exec(tables)),
    close: () =>
      read(() => {
        database?.close()
        database = null
      }),
    hold: (given) => act(() => hold(given)),
    settle: (given) => act(() => settle(given)),
    release: ({ record, lost, if_expired_at_ms }) =>
      act(() => {
        const was = find(record.request_id)
        if (was?.record.status !== 'pending' || !isDue(was, if_expired_at_ms)) return { outcome: 'not_held' }
        return { outcome: 'released', record: finish(record, was, was.fingerprint, money(0n), lost).record }
      }),
    renew: (given) => act(() => renew(given)),
    credit: ({ entry_id, customer_id, amount: given, part }) =>
      act(() => {
        const content = JSON.stringify([customer_id, formatMoney(given), part])
        const [was, balance] = [value('#credit', entry_id), balanceOf(customer_id)]
        if (was !== null) return was === content ? { outcome: 'duplicate', balance } : { outcome: 'reused' }
        const after = { ...balance, [part]: money(balance[part] + given) }
        putValue('#credit', entry_id, content)
        putBalance(customer_id, after)
        return { outcome: 'credited', balance: after }
      }),
    balance: (id) => read(() => balanceOf(id)),
    meterTotal: (of) => read(() => amount('#total', nameOf(of))),
    expired: (now_ms, limit) =>
      read(() => rows(`SELECT record FROM lava_requests WHERE status = 'pending' AND expires_at_ms <= ? ORDER BY expires_at_ms, sequence LIMIT ?`, now_ms, limit).map(recordIn)), // prettier-ignore
    request: (request_id) => read(() => find(request_id)?.record ?? null),
    requests: ({ customer_id = null, meter_id = null, metadata = {}, limit, cursor = 'row-999999999999999' }) =>
      read(() => {
        const found = rows(
          `SELECT sequence, record FROM lava_requests WHERE sequence < ?1 AND customer_id IS coalesce(?2, customer_id)
             AND meter_id IS coalesce(?3, meter_id) AND NOT EXISTS (SELECT 1 FROM json_each(?4) AS asked WHERE asked.value
               IS NOT (SELECT value FROM json_each(record, '$.metadata') AS kept WHERE kept.key = asked.key))
           ORDER BY sequence DESC LIMIT ?5`,
          ...[Number(/^row-(\d{1,15})$/.exec(cursor)?.[1] ?? 0), customer_id, meter_id, JSON.stringify(metadata), limit + 1], // prettier-ignore
        )
        const next_cursor = found.length > limit ? `row-${String(found[limit - 1]?.sequence)}` : null
        return { data: found.slice(0, limit).map(recordIn), next_cursor }
      }),
    usage: ({ start_ms, end_ms, utc_offset_minutes, customer_id = null, meter_id = null }) =>
      read(() => {
        const days = rows(
          `SELECT date(created_at, ? || ' minutes') AS date, json_group_array(json(record)) AS records
           FROM lava_requests WHERE status = 'completed' AND created_at BETWEEN ? AND ?
             AND customer_id IS coalesce(?, customer_id) AND meter_id IS coalesce(?, meter_id) GROUP BY 1 ORDER BY 1`,
          ...[String(utc_offset_minutes), isoOf(start_ms), isoOf(end_ms), customer_id, meter_id],
        )
        return days.map(({ date, records }) => dayOf(String(date), jsonOf(records) as RequestRecord[]))
      }),
    document: (kind, id) => read(() => value(kind, id)),
    putDocument: ({ kind, id, document, only_if_absent }) =>
      act(() => {
        const was = only_if_absent ? value(kind, id) : null
        if (was === null) putValue(kind, id, document)
        return was === null ? { outcome: 'written' } : { outcome: 'exists', document: was }
      }),
    documents: (kind, { after_id = '', limit }) => {
      const text = 'SELECT id, value FROM lava_values WHERE kind = ? AND id > ? ORDER BY id LIMIT ?'
      return read(() => rows(text, kind, after_id, limit).map((row) => ({ id: String(row.id), document: jsonOf(row.value) }))) // prettier-ignore
    },
    deleteDocument: (kind, id) => act(() => rows('DELETE FROM lava_values WHERE kind = ? AND id = ? RETURNING id', kind, id).length > 0), // prettier-ignore
  }
}

const repeated = ({ record, fingerprint }: Request, given: string) => ({ outcome: fingerprint === given ? 'duplicate' : 'reused', record }) as const // prettier-ignore
/** Recovery acts only on a hold that is still open and expired; everybody else at any time. */
const isDue = (was: Request | null, atMs: number | undefined) =>
  atMs === undefined || (was?.record.status === 'pending' && (was.expires_at_ms ?? Infinity) <= atMs)
const nameOf = ({ customer_id, meter_id, cycle }: MeterTotalKey) => JSON.stringify([customer_id, meter_id, cycle])
const isoOf = (milliseconds: number) => new Date(milliseconds).toISOString()
const jsonOf = (text: SQLOutputValue | undefined): unknown => (typeof text === 'string' ? JSON.parse(text) : null)
const recordIn = ({ record }: Row) => jsonOf(record) as RequestRecord

function dayOf(date: string, records: readonly RequestRecord[]) {
  return {
    date,
    total_requests: records.length,
    total_usage_tokens: records.reduce((sum, { model_usage }) => sum + model_usage.total_tokens, 0),
    total_cost: money(records.reduce((sum, { cost }) => sum + parseMoney(cost), 0n)),
    total_charge: money(records.reduce((sum, { charge }) => sum + parseMoney(charge?.amount ?? '0'), 0n)),
  }
}
