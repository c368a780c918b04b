// Idempotency: how a repeated request is known again, and whether it may be tried once more.
import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { GatewayError } from '../errors.ts'
import type { RequestBody } from '../http/body.ts'
import type { RequestRecord } from '../ledger/request-record.ts'
import { parseMoney, zeroMoney } from '../money.ts'
import type { Ids } from '../clock.ts'
import type { Caller } from './caller.ts'

export interface Idempotency {
  /** The caller's own key; another caller's equal key is another request. */
  key: string
  fingerprint: string
}

/** A retry after a failure that cost nothing gets a record of its own; so many of them, at most. */
export const unchargedRetriesMax = 20

/** The same key with the same content is the same request; only its hash is kept. */
export function idempotencyOf(
  req: IncomingMessage,
  method: string,
  url: Readonly<URL>,
  body: RequestBody,
): Idempotency | null {
  const key = req.headers['idempotency-key']
  if (typeof key !== 'string' || key === '') return null
  const hash = createHash('sha256').update(`${method} ${url.href}\n`)
  const content = body.kind === 'bytes' ? hash.update(body.bytes) : hash.update(req.headers['content-length'] ?? '')
  return { key, fingerprint: content.digest('hex') }
}

interface Identified {
  caller: Pick<Caller, 'customer_id' | 'meter_slug'>
  idempotency: Idempotency | null
  request_id?: string
}

/** Fresh, or made of the payer and the idempotency key, so that the storage itself finds the retry. */
export function idOf({ caller, idempotency, request_id }: Identified, attempt: number, ids: Ids): string {
  if (!idempotency) return request_id ?? ids()
  const hash = createHash('sha256')
    .update(JSON.stringify([caller.customer_id, caller.meter_slug, idempotency.key]))
    .digest('hex')
  return `req_idem_${hash.slice(0, 32)}${attempt === 0 ? '' : `_${attempt}`}`
}

const laterId = /^(req_idem_[0-9a-f]{32})(?:_\d+|(?:_\d+)?_late)$/

/** Whose retry it is, or the late settlement of one that was closed. Null: it is the first, or has no key. */
export function firstTryOf(request_id: string): string | null {
  return laterId.exec(request_id)?.[1] ?? null
}

/** Under which a call is settled whose record was closed before. */
export function lateIdOf(request_id: string): string {
  return `${request_id}_late`
}

/** As the call was held. */
export function heldIdOf(request_id: string): string {
  return firstTryOf(request_id) === null ? request_id : request_id.replace(/_late$/, '')
}

/** Finished without an answer that counts: the caller may try again under the same key, and is charged once. */
export function mayBeRetried(record: RequestRecord): boolean {
  if (record.status === 'pending' || parseMoney(record.charge?.amount ?? '0') > zeroMoney) return false
  return record.provider_status === null ? record.usage_source === 'none' : record.provider_status >= 400
}

export function used(record: RequestRecord): GatewayError {
  const state = record.status === 'pending' ? 'is still running' : 'was answered before; answers are not kept'
  return new GatewayError('request_id_reused', `The request with this Idempotency-Key ${state}.`, {
    request_id: record.request_id,
  })
}
