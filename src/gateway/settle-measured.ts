// Settling what was measured: the job it belongs to, the charge, and the record, in acts that may be repeated.
import { settleInLedger, type Settlement } from '../ledger/ledger.ts'
import { joinedNotes, type RequestRecord } from '../ledger/request-record.ts'
import type { StorageAdapter } from '../ledger/storage-adapter.ts'
import { formatMoney, zeroMoney } from '../money.ts'
import { dependsOnTotal } from '../pricing/charge.ts'
import type { Meter } from '../pricing/meter.ts'
import { claimKey, mayBeLost } from './earlier-tries.ts'
import { firstTryOf, heldIdOf, lateIdOf } from './idempotency.ts'
import { claimJob, keepOwner, type JobOwner } from './job-claim.ts'
import type { Measurement } from './measurement.ts'
import type { Settings } from './options.ts'
import type { RecordPricer } from './priced-record.ts'

/** A finished request, and what it used. */
export interface Measured {
  /** As it was held: status `pending`. */
  record: RequestRecord
  fingerprint: string
  /** True: nothing is held, and the settlement writes the record. */
  opens: boolean
  meter: Meter | null
  billed: boolean
  measurement: Measurement
}

export interface MeasuredParts {
  pricer: RecordPricer
  settings: Pick<Settings, 'meters' | 'onRecord'>
}

/** The completed record; null when its hold is gone. */
export function settleMeasured(adapter: StorageAdapter, measured: Measured, parts: MeasuredParts): Promise<RequestRecord | null> {
  return measured.measurement.job_id === null ? settlePriced(adapter, measured, parts) : settleJob(adapter, measured, parts)
} // prettier-ignore

async function settleJob(
  adapter: StorageAdapter,
  measured: Measured,
  parts: MeasuredParts,
): Promise<RequestRecord | null> {
  const { record, meter, billed, measurement } = measured
  if (measurement.submits && measurement.job_id !== null) {
    const { request_id, customer_id } = record
    await keepOwner(adapter, measurement, { request_id, customer_id, meter_slug: billed && meter ? meter.meter_slug : null })
  }
  const result = await claimJob(adapter, measurement, record.request_id)
  const { owner } = result
  if (!owner || owner.customer_id === record.customer_id)
    return settlePriced(adapter, { ...measured, measurement: result.measurement }, parts)
  const paid_by = await chargeOwner(adapter, owner, { ...measured, measurement: result.measurement }, parts)
  const fetched: Measurement = {
    ...result.measurement,
    usage: {},
    usage_source: 'none',
    billable: false,
    counts_as_request: false,
    note: `charged to whoever began it, by ${paid_by}`,
  }
  return settlePriced(adapter, { ...measured, measurement: fetched }, parts)
} // prettier-ignore

/** A record of its own, for the customer who began the work; its id makes sure that there is one. */
async function chargeOwner(
  adapter: StorageAdapter,
  { request_id, customer_id, meter_slug }: JobOwner,
  measured: Measured,
  parts: MeasuredParts,
): Promise<string> {
  const record: RequestRecord = {
    ...measured.record,
    request_id: `${request_id}_result`,
    customer_id,
    meter_id: meter_slug,
    held: formatMoney(zeroMoney),
  }
  const meter = meter_slug === null ? null : (parts.settings.meters.get(meter_slug) ?? null)
  const owed = { ...measured, record, fingerprint: record.request_id, opens: true, meter, billed: meter !== null }
  const settled = await settlePriced(adapter, owed, parts)
  if (settled) parts.settings.onRecord(settled)
  return record.request_id
}

async function settlePriced(adapter: StorageAdapter, given: Measured, parts: MeasuredParts): Promise<RequestRecord | null> {
  const key = given.billed && counts(given) ? firstTryOf(given.record.request_id) : null
  const measured = key === null ? given : await chargedOnce(adapter, given, key)
  const { record, fingerprint, opens, meter, billed, measurement } = measured
  const counted = billed && meter !== null && record.customer_id !== null
  const settlement: Settlement = {
    fingerprint,
    opens,
    meter: counted ? { customer_id: record.customer_id ?? '', meter_id: meter.meter_slug, cycle: '' } : null,
    dependsOnTotal: counted ? dependsOnTotal(meter) : false,
    price: parts.pricer.price(record, measurement, { meter, billed }),
  }
  const settled = await settleInLedger(adapter, settlement)
  // A storage that lost the hold (a failover, a backup put back) is told the whole: the call was made, and is owed.
  if (settled.outcome === 'not_held' && (await adapter.request(record.request_id)) === null)
    return settlePriced(adapter, { ...measured, opens: true }, parts)
  if (settled.outcome === 'duplicate' && wasClosed(settled.record, measured)) return settleLate(adapter, measured, parts)
  return settled.outcome === 'settled' || settled.outcome === 'duplicate' ? settled.record : null
} // prettier-ignore

/** Whether the call was answered, or is charged all the same. */
function counts({ measurement: { provider_status, usage_source, counts_as_request } }: Measured): boolean {
  return provider_status === null ? usage_source !== 'none' || counts_as_request : provider_status < 400
}

/** Of several calls under one Idempotency-Key that were answered, as when the first was taken for lost, the others are free. */
async function chargedOnce(adapter: StorageAdapter, measured: Measured, key: string): Promise<Measured> {
  const { measurement, record } = measured
  const own = heldIdOf(record.request_id)
  const charged = await claimKey(adapter, key, own)
  if (charged === own) return measured
  const note = joinedNotes(measurement.note, `charged once under its Idempotency-Key, by ${charged}`)
  return { ...measured, meter: null, billed: false, measurement: { ...measurement, note } }
}

/** What is there says that nothing was used, and this does not: a retry under its Idempotency-Key was let in before. */
function wasClosed(record: RequestRecord, measured: Measured): boolean {
  return !measured.opens && mayBeLost(record) && counts(measured)
}

/** In a record of its own, from the start: the closed one has been told, and whatever it claimed is claimed by a dead request. */
function settleLate(adapter: StorageAdapter, measured: Measured, parts: MeasuredParts): Promise<RequestRecord | null> {
  const { record } = measured
  const late = { ...record, request_id: lateIdOf(record.request_id), held: formatMoney(zeroMoney) }
  return settleMeasured(adapter, { ...measured, record: late, opens: true }, parts)
}
