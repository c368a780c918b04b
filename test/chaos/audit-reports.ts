// Checks of a chaos audit on reports: each is taken once, whoever sent how many copies to whichever process.
import { requestRecordSchema } from '../../src/ledger/request-record.ts'
import type { CheckBody } from './audit.ts'
import { markerOf } from './evidence.ts'
import { chargeFaults } from './sums.ts'

export const reportChecks: Record<string, CheckBody> = {
  'every report is charged once, by its usage and meter'({ customers, reports, records }, { look }) {
    const byId = new Map<string, typeof records>()
    for (const record of records) byId.set(record.request_id, [...(byId.get(record.request_id) ?? []), record])
    for (const [request_id, report] of reports) {
      const own = byId.get(request_id) ?? []
      const [record] = own
      const customer = customers.find(({ id }) => id === report.customer)
      const faults =
        own.length === 1 && customer && record?.customer_id === customer.id
          ? chargeFaults(record, customer.meter, report)
          : [`${own.length} records`]
      look(faults.length === 0, () => `${request_id}: ${faults.join('; ')}`)
    }
  },

  'every copy of a report is answered with the first record, and other content with 409'(
    { reports, records },
    { look },
  ) {
    const byId = new Map(records.map((record) => [record.request_id, record]))
    for (const [request_id, { answers, answersToOthers }] of reports) {
      const created = answers.filter(({ status }) => status === 201).length
      look(created <= 1, () => `${request_id}: created ${created} times`)
      const stored = JSON.stringify(sorted(byId.get(request_id)))
      for (const { status, body } of answers) {
        const told = status === 201 || status === 200 ? JSON.stringify(sorted(requestRecordSchema.parse(JSON.parse(body)))) : body // prettier-ignore
        look(told === stored, () => `${request_id}: answered ${status} with ${body}`)
      }
      for (const status of answersToOthers)
        look(status === 409, () => `${request_id}: other content answered ${status}`)
    }
  },

  'every record belongs to a call or a report, and no id comes twice'({ calls, reports, records }, { look }) {
    const seen = new Set<string>()
    for (const record of records) {
      const marker = markerOf(record)
      look(
        marker === null ? reports.has(record.request_id) : calls.has(marker),
        () => `${record.request_id} is nobody's`,
      )
      look(!seen.has(record.request_id), () => `${record.request_id} is listed twice`)
      seen.add(record.request_id)
    }
  },
}

/** Storages may give a record's fields in another order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, part]) => [name, sorted(part)]),
  )
}
