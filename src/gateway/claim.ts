// The claim: of several requests that may be charged for one thing, the first that says so is.
import { z } from 'zod'
import type { StorageAdapter } from '../ledger/storage-adapter.ts'

export interface Claim {
  request_id: string
  /** False: only a part of the work was seen. */
  whole: boolean
}

const claimSchema = z.object({ request_id: z.string(), whole: z.boolean().default(true) })

/** The claim that counts: this one, or the one that was there. */
export async function claimedBy(
  adapter: StorageAdapter,
  of: { kind: 'charged_job' | 'charged_key'; id: string },
  claim: Claim,
): Promise<Claim> {
  const put = await adapter.putDocument({ ...of, document: { ...claim }, only_if_absent: true })
  return put.outcome === 'written' ? claim : claimSchema.parse(put.document)
}
