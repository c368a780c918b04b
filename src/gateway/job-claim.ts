// The job claim: work whose result is fetched many times is charged by the first fetch only.
import { z } from 'zod'
import type { StorageAdapter } from '../ledger/storage-adapter.ts'
import type { Measurement } from './measurement.ts'

const claimSchema = z.object({ request_id: z.string() })

/**
 * The measurement as it is to be charged: unchanged for the request that claims its job, not billable when another request has
 * charged the same job before (litellm#17814: reading a stored response billed again each time).
 */
export async function claimJob(
  adapter: StorageAdapter,
  measurement: Measurement,
  request_id: string,
): Promise<Measurement> {
  const { job_id, provider } = measurement
  if (job_id === null || !measurement.billable) return measurement
  const claim = { kind: 'charged_job', id: `${provider?.key ?? ''}:${job_id}`, document: { request_id } }
  const put = await adapter.putDocument({ ...claim, only_if_absent: true })
  if (put.outcome === 'written') return measurement
  const { request_id: claimant } = claimSchema.parse(put.document)
  if (claimant === request_id) return measurement
  // The claimant's process may have died between its claim and its charge: then the job is charged here.
  const record = await adapter.request(claimant)
  if (record?.status === 'error') {
    await adapter.putDocument({ ...claim, only_if_absent: false })
    return measurement
  }
  return {
    ...measurement,
    usage: {},
    usage_source: 'none',
    billable: false,
    counts_as_request: false,
    note: `charged before, by ${claimant}`,
  }
}
