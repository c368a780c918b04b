// /v1/requests: report work done elsewhere, list records, read one.
import { z } from 'zod'
import { GatewayError } from '../errors.ts'
import { customerIdSchema } from '../ledger/customer-id.ts'
import { metadataSchema } from '../ledger/metadata.ts'
import { isPlainText, plainTextWanted } from '../ledger/plain-text.ts'
import type { RequestRecord } from '../ledger/request-record.ts'
import type { RequestsPage, RequestsQuery } from '../ledger/storage-adapter.ts'
import { isMoneyText } from '../money.ts'
import { parseInput } from '../option.ts'

const wholeCount = z.int().nonnegative().optional()
const seconds = z.number().nonnegative().max(1e9).optional()

/** What a report takes: Lava's fields (lava-api 3.1), and `model`, `provider` or `cost` so that percentage meters can price it. */
export const reportSchema = z.strictObject({
  /** The reporter's own id, and the idempotency key. */
  request_id: z.string().min(1).max(255).refine(isPlainText, plainTextWanted),
  customer_id: customerIdSchema,
  meter_slug: z.string().min(1).max(255),
  metadata: metadataSchema.optional(),
  input_tokens: wholeCount,
  output_tokens: wholeCount,
  input_characters: wholeCount,
  output_characters: wholeCount,
  input_seconds: seconds,
  output_seconds: seconds,
  /** A key of the provider catalogue (or the host's own), to find the model's price. */
  provider: z.string().min(1).max(64).optional(),
  model: z.string().min(1).max(255).optional(),
  /** What the work cost the merchant, in dollars; goes before any price table. */
  cost: z
    .string()
    .refine((text) => isMoneyText(text) && !text.startsWith('-'), 'a decimal string of dollars')
    .optional(),
})

/** Of a budget's: it knows who pays. */
const budgetReportSchema = reportSchema.omit({ customer_id: true }).partial({ meter_slug: true })

export type ReportInput = z.input<typeof reportSchema>
export type BudgetReport = z.input<typeof budgetReportSchema>
export type Report = z.output<typeof reportSchema>

export interface Reported {
  record: RequestRecord
  /** False: the same report came before, and this is its record. */
  created: boolean
}

const listSchema = z.strictObject({
  cursor: z.string().min(1).max(512).optional(),
  limit: z.coerce.number().int().min(1).max(100).default(10),
  customer_id: customerIdSchema.optional(),
  meter_id: z.string().min(1).max(255).optional(),
  metadata_filters: z.string().optional(),
})

const filtersSchema = z.array(z.tuple([z.string(), z.string()])).max(100)

/** @throws GatewayError `invalid_request` that names each wrong field. */
export function parseReport(value: unknown): Report {
  return parseInput(reportSchema, value, 'The report')
}

/** @throws GatewayError as `parseReport`. */
export function parseBudgetReport(value: unknown): z.output<typeof budgetReportSchema> {
  return parseInput(budgetReportSchema, value, 'The report')
}

/** The answer of `GET /v1/requests`, in Lava's shape. */
export function listAnswer(page: RequestsPage): { data: RequestRecord[]; has_more: boolean; next_cursor?: string } {
  return {
    data: page.data,
    has_more: page.next_cursor !== null,
    ...(page.next_cursor === null ? {} : { next_cursor: page.next_cursor }),
  }
}

/** @throws GatewayError `invalid_request`. */
export function parseListQuery(search: string): RequestsQuery {
  const { metadata_filters, cursor, limit, customer_id, meter_id } = parseInput(
    listSchema,
    Object.fromEntries(new URLSearchParams(search)),
    'The query',
  )
  const metadata = metadata_filters === undefined ? undefined : filtersFrom(metadata_filters)
  return {
    limit,
    ...(cursor === undefined ? {} : { cursor }),
    ...(customer_id === undefined ? {} : { customer_id }),
    ...(meter_id === undefined ? {} : { meter_id }),
    ...(metadata === undefined ? {} : { metadata }),
  }
}

function filtersFrom(text: string): Record<string, string> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new GatewayError(
      'invalid_request',
      'metadata_filters is not JSON; it is an array of [key, value] pairs.',
      {},
      { cause: error },
    )
  }
  return Object.fromEntries(parseInput(filtersSchema, value, 'metadata_filters'))
}
