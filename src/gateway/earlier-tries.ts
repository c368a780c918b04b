// Earlier tries: what becomes of calls under one Idempotency-Key when one of them was recovered as lost, and yet goes on.
import { joinedNotes, type RequestRecord } from '../ledger/request-record.ts'
import type { HoldAct, StorageAdapter } from '../ledger/storage-adapter.ts'
import { zeroMoney } from '../money.ts'
import { claimedBy } from './claim.ts'
import { mayBeRetried, used } from './idempotency.ts'
import type { OwnHolds } from './own-holds.ts'
import type { Storage } from './storage-access.ts'

/** Whether recovery released it: its process may be paused only, or have left the settlement in its journal. */
export function mayBeLost(record: RequestRecord): boolean {
  return record.status === 'error' && record.provider_status === null && mayBeRetried(record)
}

interface ClosingParts {
  storage: Storage
  letGo: OwnHolds['letGo']
}

/**
 * A lost hold is open to a late settlement. With the retry held, each of them is settled with nothing: a late settlement then
 * finds it closed, and has to claim the key, as the retry has (`claimKey`). A retry that must not be called is let go of.
 *
 * @throws GatewayError `request_id_reused` when the own settlement of one of them came before, `storage_unavailable`.
 */
export async function closeEarlier(earlier: readonly RequestRecord[], retry: HoldAct, { storage, letGo }: ClosingParts): Promise<void> {
  const { fingerprint } = retry
  let settled: RequestRecord | undefined
  try {
    const closed = await storage.use((adapter) => Promise.all(earlier.map((each) => close(adapter, each, fingerprint))))
    settled = closed.find((record) => !mayBeRetried(record))
  } catch (error) {
    letGo(retry, 'the tries before it could not be closed')
    throw error
  }
  if (!settled) return
  letGo(retry, `${settled.request_id} was settled meanwhile`)
  throw used(settled)
} // prettier-ignore

async function close(adapter: StorageAdapter, record: RequestRecord, fingerprint: string): Promise<RequestRecord> {
  const note = joinedNotes(record.note, 'a retry under its Idempotency-Key was let in')
  const closed: RequestRecord = { ...record, note }
  const settled = await adapter.settle({ record: closed, fingerprint, charge: zeroMoney, opens: false, total: null })
  // A storage that has forgotten it since, as after a failover, has nothing to close.
  return 'record' in settled ? settled.record : closed
}

/**
 * Of a retry and a late call that both were answered, one is charged: whose settlement comes first. A retry that failed, or was
 * never made, claims nothing, and leaves the charge to the late call.
 *
 * @param key the id of the first try.
 * @returns the request that is charged.
 */
export async function claimKey(adapter: StorageAdapter, key: string, request_id: string): Promise<string> {
  const claim = await claimedBy(adapter, { kind: 'charged_key', id: key }, { request_id, whole: true })
  return claim.request_id
}
