// The ledger: settling a record whose price depends on what other requests used meanwhile.
import type { Money } from '../money.ts'
import type { RequestRecord } from './request-record.ts'
import type { MeterTotalKey, SettleOutcome, StorageAdapter } from './storage-adapter.ts'

export interface PricedRecord {
  record: RequestRecord
  charge: Money
  /** What this request adds to the meter's total, in millionths of the meter's unit. */
  units: bigint
}

export interface Settlement {
  fingerprint: string
  /** True for a report, which has no hold before it. */
  opens: boolean
  /** Which total the request counts towards; null when nobody's does. */
  meter: MeterTotalKey | null
  /** Whether the price depends on that total (more than one tier). */
  dependsOnTotal: boolean
  /** Pure: may be called again when another request moved the total. */
  price: (totalBefore: bigint) => PricedRecord
  if_expired_at_ms?: number
}

export type SettlementOutcome = Exclude<SettleOutcome, { outcome: 'total_moved' }>

/** Settles in one act; prices again while other requests move the total, so that no two share the cheap part of a tier. */
export async function settleInLedger(storage: StorageAdapter, settlement: Settlement): Promise<SettlementOutcome> {
  const { fingerprint, opens, meter, dependsOnTotal, price, if_expired_at_ms } = settlement
  let totalBefore = meter && dependsOnTotal ? await storage.meterTotal(meter) : 0n
  // Each `total_moved` means that another request got through, so this ends.
  for (;;) {
    const { record, charge, units } = price(totalBefore)
    const total = meter && { ...meter, units, expected_total: dependsOnTotal ? totalBefore : null }
    const guard = if_expired_at_ms === undefined ? {} : { if_expired_at_ms }
    const settled = await storage.settle({ record, fingerprint, charge, opens, total, ...guard })
    if (settled.outcome !== 'total_moved') return settled
    totalBefore = settled.total
  }
}
