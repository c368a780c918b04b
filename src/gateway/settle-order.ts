// A settle order: all that finishing a request needs, as plain data, so that it can wait on disk.
import { z } from 'zod'
import { requestRecordSchema, type RequestRecord } from '../ledger/request-record.ts'
import { formatMoney, isMoneyText, parseMoney } from '../money.ts'
import { meterSchema } from '../pricing/meter.ts'
import type { Usage } from '../usage.ts'
import type { Measured } from './settle-measured.ts'

export type SettleOrder =
  | ({ kind: 'settle' } & Measured)
  | {
      kind: 'release'
      /** As it shall be. */
      record: RequestRecord
      fingerprint: string
      /** Nothing was held: the record is only written. */
      opens: boolean
    }

/** An order as it waits on disk. */
export interface WaitingOrder {
  /** Which storage it is for; null: it was not open yet. Several apps may share a folder, and so a journal. */
  storage_id: string | null
  order: SettleOrder
}

/** Raised when an older version would carry an order out in a wrong way; such an entry is left to those who know it. */
const version = 1

/** As JSON: money as decimal text, and of the provider only what prices need, never its key. */
export function waitingToJson({ storage_id, order }: WaitingOrder): unknown {
  return { version, storage_id, order: orderToJson(order) }
}

function orderToJson(order: SettleOrder): unknown {
  if (order.kind === 'release') return order
  const { measurement } = order
  const { provider, cost } = measurement
  return {
    ...order,
    measurement: {
      ...measurement,
      provider: provider && { key: provider.key, priceProvider: provider.priceProvider },
      cost: cost === null ? null : formatMoney(cost),
    },
  }
}

/** @throws ZodError when it is no order of this version. */
export function waitingOfJson(json: unknown): WaitingOrder {
  return waitingSchema.parse(json)
}

const usageSchema = z.record(z.string(), z.unknown()).transform((usage): Usage => usage)

const measurementSchema = z.strictObject({
  usage: usageSchema,
  usage_source: z.enum(['provider', 'estimated', 'reported', 'none']),
  models: z.array(z.string()),
  provider: z.strictObject({ key: z.string(), priceProvider: z.string().nullable() }).nullable(),
  cost: z
    .string()
    .refine(isMoneyText)
    .transform((text) => parseMoney(text))
    .nullable(),
  billable: z.boolean(),
  counts_as_request: z.boolean(),
  response_id: z.string().nullable(),
  job_id: z.string().nullable(),
  submits: z.boolean(),
  provider_status: z.number().nullable(),
  note: z.string().nullable(),
})

const shared = { record: requestRecordSchema, fingerprint: z.string(), opens: z.boolean() }

const orderSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('settle'),
    ...shared,
    meter: meterSchema.nullable(),
    billed: z.boolean(),
    measurement: measurementSchema,
  }),
  z.strictObject({ kind: z.literal('release'), ...shared }),
])

const waitingSchema = z.strictObject({
  version: z.literal(version),
  storage_id: z.string().nullable(),
  order: orderSchema,
})
