// Listings: what may be asked of the stored records, and what comes back.
import type { Money } from '../money.ts'
import type { RequestRecord } from './request-record.ts'

export interface RequestsQuery {
  customer_id?: string
  meter_id?: string
  /** All must match. */
  metadata?: Readonly<Record<string, string>>
  /** 1 to 100. */
  limit: number
  /** Opaque: `next_cursor` of the page before. A cursor that the storage did not make is an empty page. */
  cursor?: string
}

export interface RequestsPage {
  data: RequestRecord[]
  next_cursor: string | null
}

export interface UsageQuery {
  /** Both inclusive. */
  start_ms: number
  end_ms: number
  utc_offset_minutes: number
  customer_id?: string
  meter_id?: string
}

export interface UsageDay {
  /** `YYYY-MM-DD` in the query's time zone. Days without records are left out. */
  date: string
  total_requests: number
  total_usage_tokens: number
  total_cost: Money
  total_charge: Money
}
