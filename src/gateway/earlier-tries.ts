// Earlier tries: what becomes of calls under one Idempotency-Key when one of them was recovered as lost, and yet goes on.
import { z } from 'zod'
import type { RequestRecord } from '../ledger/request-record.ts'
import type { HoldAct, StorageAdapter } from '../ledger/storage-adapter.ts'
import { zeroMoney } from '../money.ts'
import { mayBeRetried, used } from './idempotency.ts'
import type { OpenRequests } from './open-requests.ts'
import type { Settings } from './options.ts'
import type { ForsakenHold } from './own-holds.ts'
import type { Storage } from './storage-access.ts'

/** Whether recovery released it: its process may be paused only, or have left the settlement in its journal. */
export function mayBeLost(record: RequestRecord): boolean {
  return record.status === 'error' && record.provider_status === null && mayBeRetried(record)
}

interface ClosingParts {
  settings: Pick<Settings<never>, 'clock'>
  storage: Storage
  requests: Pick<OpenRequests, 'track'>
  forsake: (hold: ForsakenHold) => void
}

/**
 * A lost hold is open to a late settlement. With the retry held, each of them is settled with nothing: a late settlement then
 * finds it closed, and has to claim the key, as the retry has (`claimKey`). A retry that must not be called is let go of.
 *
 * @throws GatewayError `request_id_reused` when the own settlement of one of them came before, `storage_unavailable`.
 */
export async function closeEarlier(earlier: readonly RequestRecord[], retry: HoldAct, parts: ClosingParts): Promise<void> {
  const { storage } = parts
  const { fingerprint } = retry
  let settled: RequestRecord | undefined
  try {
    const closed = await storage.use((adapter) => Promise.all(earlier.map((each) => close(adapter, each, fingerprint))))
    settled = closed.find((record) => !mayBeRetried(record))
  } catch (error) {
    letGo(retry, 'the calls before it could not be closed', parts)
    throw error
  }
  if (!settled) return
  letGo(retry, `${settled.request_id} was settled meanwhile`, parts)
  throw used(settled)
} // prettier-ignore

async function close(adapter: StorageAdapter, record: RequestRecord, fingerprint: string): Promise<RequestRecord> {
  const note = `${record.note ?? 'lost'}; a retry under its Idempotency-Key was let in`
  const closed: RequestRecord = { ...record, note }
  const settled = await adapter.settle({ record: closed, fingerprint, charge: zeroMoney, opens: false, total: null })
  // A storage that has forgotten it since, as after a failover, has nothing to close.
  return 'record' in settled ? settled.record : closed
}

function letGo(retry: HoldAct, why: string, { settings, storage, requests, forsake }: ClosingParts): void {
  const timestamp = new Date(settings.clock()).toISOString()
  const record: RequestRecord = { ...retry.record, status: 'completed', note: `not called: ${why}`, timestamp }
  const released = storage.use((adapter) => adapter.release({ record, lost: false }))
  requests.track(released.then(undefined, () => forsake(retry)))
}

const claimSchema = z.object({ request_id: z.string() })

/**
 * Of a retry and a late call that both were answered, one is charged: whose settlement comes first. A retry that failed, or was
 * never made, claims nothing, and leaves the charge to the late call.
 *
 * @param key the id of the first try.
 * @returns the request that is charged.
 */
export async function claimKey(adapter: StorageAdapter, key: string, request_id: string): Promise<string> {
  const claim = { kind: 'charged_key', id: key, document: { request_id }, only_if_absent: true }
  const put = await adapter.putDocument(claim)
  return put.outcome === 'written' ? request_id : claimSchema.parse(put.document).request_id
}
