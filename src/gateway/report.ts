// Report: work that did not pass through the gateway, charged once per `request_id`.
import { createHash } from 'node:crypto'
import type { Report, Reported } from '../api/requests.ts'
import { GatewayError } from '../errors.ts'
import { settleInLedger } from '../ledger/ledger.ts'
import { pendingRecord } from '../ledger/new-record.ts'
import { zeroMoney } from '../money.ts'
import { dependsOnTotal } from '../pricing/charge.ts'
import type { Meter } from '../pricing/meter.ts'
import { measurementOfReport } from './measurement.ts'
import type { OpenRequests } from './open-requests.ts'
import type { Settings } from './options.ts'
import type { RecordPricer } from './priced-record.ts'
import type { Storage } from './storage-access.ts'

export interface Reports {
  /**
   * Prices and charges a report. The work is done, so it may take the balance below zero.
   *
   * @param billed false: it is recorded, and nobody is charged.
   * @throws GatewayError `invalid_request` (unknown meter), `price_unknown`, `request_id_reused`, `storage_unavailable`.
   */
  report(report: Work, billed?: boolean): Promise<Reported>
}

/** A report; what the merchant pays has no customer, and perhaps no meter. */
export type Work = Omit<Report, 'customer_id' | 'meter_slug'> & {
  customer_id: string | null
  meter_slug: string | null
}

interface ReportParts {
  settings: Settings<never>
  storage: Storage
  requests: OpenRequests
  pricer: RecordPricer
}

export function createReports({ settings, storage, requests, pricer }: ReportParts): Reports {
  async function write(report: Work, billed: boolean): Promise<Reported> {
    const { request_id, customer_id, meter_slug, metadata, ...reported } = report
    const meter = meter_slug === null ? null : requireMeter(meter_slug, settings.meters)
    const measurement = measurementOfReport(reported, settings.providers, null)
    if (meter && billed) pricer.requirePrice(meter, measurement)
    const begun = pendingRecord({
      request_id,
      customer_id,
      meter_id: meter_slug,
      provider: report.provider ?? 'report',
      provider_key_type: 'unmanaged',
      model: report.model ?? null,
      endpoint: 'POST /v1/requests',
      held: zeroMoney,
      metadata: metadata ?? {},
      created_at: new Date(settings.clock()).toISOString(),
    })
    const settled = await storage.use((adapter) =>
      settleInLedger(adapter, {
        fingerprint: fingerprintOf(report),
        opens: true,
        meter: meter && billed && customer_id !== null ? { customer_id, meter_id: meter.meter_slug, cycle: '' } : null,
        dependsOnTotal: meter !== null && dependsOnTotal(meter),
        price: pricer.price(begun, measurement, { meter, billed }),
      }),
    )
    if (settled.outcome === 'settled') {
      settings.onRecord(settled.record)
      return { record: settled.record, created: true }
    }
    if (settled.outcome === 'duplicate') return { record: settled.record, created: false }
    throw new GatewayError('request_id_reused', `The request_id ${request_id} was used before with other content.`, {
      request_id,
    })
  }

  return {
    report(report, billed = true) {
      const work = write(report, billed)
      requests.track(work)
      return work
    },
  }
}

/** @throws GatewayError `invalid_request` that names the known meters. */
export function requireMeter(slug: string, meters: ReadonlyMap<string, Meter>): Meter {
  const meter = meters.get(slug)
  if (meter) return meter
  throw new GatewayError(
    'invalid_request',
    `There is no meter ${JSON.stringify(slug)} here; known: ${[...meters.keys()].join(', ')}.`,
  )
}

/** The order of the fields says nothing, and an absent field is the same as an undefined one. */
function fingerprintOf(report: Work): string {
  const sorted = (value: object) =>
    Object.entries(value)
      .filter(([, part]) => part !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
  const content = sorted({ ...report, metadata: sorted(report.metadata ?? {}) })
  return createHash('sha256').update(JSON.stringify(content)).digest('hex')
}
