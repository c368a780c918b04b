// The job claim: work in the background is charged once, by whoever fetches its result first, to whoever began it.
import { z } from 'zod'
import type { StorageAdapter } from '../ledger/storage-adapter.ts'
import type { SubUsage, Usage } from '../usage.ts'
import { claimedBy } from './claim.ts'
import type { Measurement } from './measurement.ts'

/** Who began a job, and what for: its result names neither payer nor, at some providers, a model. */
export interface JobOwner {
  request_id: string
  customer_id: string | null
  /** Null: nobody is billed for it. */
  meter_slug: string | null
}

export interface JobResult {
  /** As it is to be charged. */
  measurement: Measurement
  /** Null: nobody here began it; whoever fetches the result pays. */
  owner: JobOwner | null
}

const ownerSchema = z.object({
  request_id: z.string(),
  customer_id: z.string().nullable(),
  meter_slug: z.string().nullable(),
  model: z.string().nullable(),
})

/** Keeps who began a job, so that its result can be charged to them. */
export async function keepOwner(adapter: StorageAdapter, measurement: Measurement, owner: JobOwner): Promise<void> {
  const document = { ...owner, model: measurement.models[0] ?? null }
  await adapter.putDocument({ kind: 'job', id: idOf(measurement), document, only_if_absent: true })
}

/**
 * The measurement as it is to be charged: unchanged for the request that claims its job, not billable when another request has
 * charged the same job before (litellm#17814: reading a stored response billed again each time). Where that one saw only a part
 * (it was cut off), the rest.
 */
export async function claimJob(adapter: StorageAdapter, told: Measurement, request_id: string): Promise<JobResult> {
  if (told.job_id === null || !told.billable) return { measurement: told, owner: null }
  const began = ownerSchema.nullable().parse(await adapter.document('job', idOf(told)))
  const owner = began && { request_id: began.request_id, customer_id: began.customer_id, meter_slug: began.meter_slug }
  const models = began?.model ? [...told.models, began.model] : told.models
  const measurement = { ...told, models }
  const id = idOf(told)
  const isWhole = told.usage_source !== 'estimated'
  const first = await claimedBy(adapter, jobOf(id), { request_id, whole: isWhole })
  if (first.request_id === request_id) return { measurement, owner }
  const record = await adapter.request(first.request_id)
  // The claimant's process may have died between its claim and its charge: then the job is charged here.
  if (record?.status === 'error') {
    const next = await claimedBy(adapter, jobOf(`${id}:after:${first.request_id}`), { request_id, whole: isWhole })
    return next.request_id === request_id ? { measurement, owner } : nothingLeft(measurement, next.request_id)
  }
  if (first.whole || !isWhole) return nothingLeft(measurement, first.request_id)
  // Under an id of its own, so that of two whole answers one is charged, and a repetition of it finds its own claim.
  const rest = await claimedBy(adapter, jobOf(`${id}:rest`), { request_id, whole: true })
  if (rest.request_id !== request_id) return nothingLeft(measurement, rest.request_id)
  const usage = usageBeyond(told.usage, record?.usage ?? {})
  return { measurement: { ...measurement, usage, note: `the rest of ${first.request_id}` }, owner }
}

function jobOf(id: string): { kind: 'charged_job'; id: string } {
  return { kind: 'charged_job', id }
}

function idOf({ provider, job_id }: Measurement): string {
  return `${provider?.key ?? ''}:${job_id ?? ''}`
}

function nothingLeft(measurement: Measurement, claimant: string): JobResult {
  const note = `charged before, by ${claimant}`
  return {
    measurement: { ...measurement, usage: {}, usage_source: 'none', billable: false, counts_as_request: false, note },
    owner: null,
  }
}

/** What the whole has above its part, count by count and model by model. */
function usageBeyond(whole: Usage, part: Usage): Usage {
  const before = (model: string): SubUsage => part.sub_usage?.find((each) => each.model === model) ?? { model }
  const sub_usage = whole.sub_usage?.map((each): SubUsage => ({ ...countsBeyond(each, before(each.model)), model: each.model })) // prettier-ignore
  return { ...countsBeyond(whole, part), ...(sub_usage ? { sub_usage } : {}) }
}

function countsBeyond<Counts extends Usage | SubUsage>(whole: Counts, part: Usage | SubUsage): Counts {
  const known = new Map<string, unknown>(Object.entries(part))
  const beyond: Record<string, unknown> = {}
  for (const [name, value] of Object.entries<unknown>({ ...whole }))
    if (typeof value === 'number') beyond[name] = Math.max(0, value - Number(known.get(name) ?? 0))
  return { ...whole, ...beyond }
}
