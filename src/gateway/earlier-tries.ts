// Earlier tries: calls under the same Idempotency-Key that were recovered as lost, closed before their retry is called.
import type { RequestRecord } from '../ledger/request-record.ts'
import type { HoldAct, SettleOutcome, StorageAdapter } from '../ledger/storage-adapter.ts'
import { zeroMoney } from '../money.ts'
import { mayBeRetried } from './idempotency.ts'

export const closedNote = 'a retry under its Idempotency-Key was let in'

/** Whether a settlement may still come for it: an answer with a status was settled, and says so. */
export function mayBeLost(record: RequestRecord): boolean {
  return mayBeRetried(record) && record.provider_status === null
}

/**
 * A lost hold is open to a late settlement: its process may be paused only, or have left it in the journal. With the retry held,
 * each of them is settled with nothing, so that of a call and its retry one is charged.
 *
 * @returns one whose own settlement came before; then the retry is released, and must not be called.
 */
export async function closeEarlier(
  adapter: StorageAdapter,
  earlier: readonly RequestRecord[],
  retry: HoldAct,
  timestamp: string,
): Promise<RequestRecord | null> {
  const closed = await Promise.all(earlier.map((record) => close(adapter, record, retry.fingerprint)))
  const charged = closed.find((record) => !mayBeRetried(record)) ?? null
  if (!charged) return null
  const note = `not called: ${charged.request_id} was settled meanwhile`
  await adapter.release({ record: { ...retry.record, status: 'completed', note, timestamp }, lost: false })
  return charged
}

async function close(adapter: StorageAdapter, record: RequestRecord, fingerprint: string): Promise<RequestRecord> {
  const note = record.note === null ? closedNote : `${record.note}; ${closedNote}`
  const closed: RequestRecord = { ...record, note }
  const act = { record: closed, fingerprint, charge: zeroMoney, opens: false, total: null }
  const settled: SettleOutcome = await adapter.settle(act)
  // A storage that has forgotten it since, as after a failover, has nothing to close.
  return 'record' in settled ? settled.record : closed
}
