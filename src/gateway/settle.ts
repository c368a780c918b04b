// Settle: prices what was used, debits the charge, frees the hold, completes the record; or releases and takes nothing.
import type { RequestRecord } from '../ledger/request-record.ts'
import type { StorageAdapter } from '../ledger/storage-adapter.ts'
import type { OutputHistory } from '../pricing/estimate.ts'
import type { Measurement } from './measurement.ts'
import type { OpenRequest, OpenRequests } from './open-requests.ts'
import type { Settings } from './options.ts'
import type { RecordPricer } from './priced-record.ts'
import { settleMeasured } from './settle-measured.ts'
import type { Storage } from './storage-access.ts'

export interface Settler {
  /** The completed record; null when the request was finished before, or its storage stayed away (logged). */
  settle(open: OpenRequest, measurement: Measurement): Promise<RequestRecord | null>
  /** The finished record, nothing charged; null as above. */
  release(open: OpenRequest, end: { note: string; provider_status: number | null }): Promise<RequestRecord | null>
}

interface SettlerParts {
  settings: Settings<never>
  storage: Storage
  requests: OpenRequests
  pricer: RecordPricer
  history: OutputHistory
}

/** How long after a failed settlement it is tried again; then the record stays pending for recovery. */
const retryAfterMs = [50, 200, 1_000, 5_000]

export function createSettler({ settings, storage, requests, pricer, history }: SettlerParts): Settler {
  /** Nothing waits for it but `close`; a failure is told to the host, never to the caller, who has the answer. */
  function finish(
    open: OpenRequest,
    act: (adapter: StorageAdapter) => Promise<RequestRecord | null>,
  ): Promise<RequestRecord | null> {
    if (!requests.take(open)) return Promise.resolve(null)
    const work = withRetries(() => storage.use(act), retryAfterMs).then(
      (record) => {
        if (record) settings.onRecord(record)
        else settings.logger.error(`lava-gateway: request ${open.request_id} could not be finished: its hold is gone`)
        return record
      },
      (error: unknown) => {
        settings.logger.error(`lava-gateway: request ${open.request_id} could not be written and stays pending:`, error)
        return null
      },
    )
    requests.track(work)
    return work
  }

  return {
    settle(open, measurement) {
      learn(history, open, measurement)
      const { record, fingerprint, meter, billed } = open
      const measured = { record, fingerprint, opens: false, meter, billed, measurement }
      return finish(open, (adapter) => settleMeasured(adapter, measured, { settings, pricer }))
    },
    release(open, { note, provider_status }) {
      const record: RequestRecord = {
        ...open.record,
        status: 'completed',
        provider_status,
        note,
        timestamp: new Date(settings.clock()).toISOString(),
      }
      return finish(open, async (adapter) => {
        const released = await adapter.release({ record, lost: false })
        return released.outcome === 'released' ? released.record : null
      })
    },
  }
}

/** Estimates learn from what providers really counted, not from other estimates. */
function learn(history: OutputHistory, open: OpenRequest, { usage, usage_source }: Measurement): void {
  if (usage_source !== 'provider' || usage.output_tokens === undefined || !open.call?.model) return
  history.learn(open.record.customer_id, open.call.model, usage.output_tokens / Math.max(1, open.call.choices))
}

async function withRetries<Result>(work: () => Promise<Result>, delaysMs: readonly number[]): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    const [delayMs, ...later] = delaysMs
    if (delayMs === undefined) throw error
    await new Promise((resolve) => setTimeout(resolve, delayMs))
    return withRetries(work, later)
  }
}
