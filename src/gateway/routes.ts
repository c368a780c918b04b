// The routes: which path of the gateway's own does what; all else falls through to the host.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { listAnswer, parseListQuery, parseReport } from '../api/requests.ts'
import { GatewayError } from '../errors.ts'
import { jsonOf, readRequestBody } from '../http/body.ts'
import { respondJson } from '../http/respond.ts'
import type { Callers } from './caller.ts'
import type { ConfiguredProvider } from './configured-provider.ts'
import { createForwardQueries, parsePathQuery } from './forward-query.ts'
import { requestIdHeader, type Forward } from './forward.ts'
import type { Reports } from './report.ts'
import type { SettleQueue } from './settle-queue.ts'
import type { Storage } from './storage-access.ts'
import { addressOfPath } from './target.ts'

export interface RouteParts<Request extends IncomingMessage> {
  settings: { providers: readonly ConfiguredProvider[] }
  callers: Callers<Request>
  forward: Forward<Request>
  reports: Reports
  storage: Storage
  /** What is not yet written of calls that have been answered. */
  queue: SettleQueue
}

/** Answers a request, or rejects with what the caller has to be told. `request_id` is what the answer names. */
export type Route<Request extends IncomingMessage> = (
  req: Request,
  res: ServerResponse,
  request_id: string,
) => Promise<void>

export interface Routes<Request extends IncomingMessage> {
  /** Null: not one of ours. */
  find(req: Request): Route<Request> | null
}

const forwardMethods = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE'])
const reportBytesMax = 1024 * 1024
const providerPath = /^\/v1\/providers\/([^/]+)(\/.+)$/
const recordPath = /^\/v1\/requests\/([^/]+)$/

export function createRoutes<Request extends IncomingMessage>(parts: RouteParts<Request>): Routes<Request> {
  const { settings, callers, forward, reports, storage, queue } = parts
  const queryOf = createForwardQueries()

  const forwardRoute: Route<Request> = (req, res, request_id) =>
    forward(req, res, { request_id, query: queryOf(searchOf(req)) })

  /** For clients that rebuild the query, and so lose what a base address has in it. */
  const pathForm =
    (key: string, path: string): Route<Request> =>
    async (req, res, request_id) => {
      const query = parsePathQuery(key, addressOfPath(key, path, settings.providers), searchOf(req))
      await forward(req, res, { request_id, query })
    }

  const report: Route<Request> = async (req, res) => {
    await callers.requireSecretKey(req)
    const body = await readRequestBody(req, reportBytesMax)
    if (body.kind === 'stream')
      throw new GatewayError(
        'body_too_large',
        `A report is JSON of at most ${reportBytesMax} bytes (content-type: application/json).`,
      )
    const value = body.kind === 'bytes' ? jsonOf(body.bytes) : undefined
    if (value === undefined) throw new GatewayError('invalid_request', 'The body is not JSON.')
    const { record, created } = await reports.report(parseReport(value))
    res.setHeader(requestIdHeader, record.request_id)
    respondJson(res, created ? 201 : 200, record)
  }

  const list: Route<Request> = async (req, res) => {
    await callers.requireSecretKey(req)
    const query = parseListQuery(searchOf(req))
    await queue.flushed()
    respondJson(res, 200, listAnswer(await storage.use((adapter) => adapter.requests(query))))
  }

  const one =
    (request_id: string): Route<Request> =>
    async (req, res) => {
      await callers.requireSecretKey(req)
      await queue.flushed()
      const record = await storage.use((adapter) => adapter.request(request_id))
      if (!record) throw new GatewayError('not_found', `No request has the id ${request_id}.`)
      respondJson(res, 200, record)
    }

  return {
    find(req) {
      const path = pathOf(req)
      const method = req.method ?? 'GET'
      if (path === '/v1/forward') return forwardMethods.has(method) ? forwardRoute : null
      if (path === '/v1/requests') return method === 'POST' ? report : method === 'GET' ? list : null
      const [, key, below] = providerPath.exec(path) ?? []
      if (key !== undefined && below !== undefined) return forwardMethods.has(method) ? pathForm(key, below) : null
      const [, encodedId] = recordPath.exec(path) ?? []
      return encodedId !== undefined && method === 'GET' ? one(idFrom(encodedId)) : null
    },
  }
}

/** The host may have mounted us anywhere: frameworks strip their mount path from `url`. */
function pathOf(req: IncomingMessage): string {
  const url = req.url ?? '/'
  const mark = url.indexOf('?')
  const path = mark < 0 ? url : url.slice(0, mark)
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
}

function searchOf(req: IncomingMessage): string {
  const url = req.url ?? '/'
  const mark = url.indexOf('?')
  return mark < 0 ? '' : url.slice(mark + 1)
}

function idFrom(encoded: string): string {
  try {
    return decodeURIComponent(encoded)
  } catch {
    // A stray % can't be in an id that was ever given out: looked up as it stands, it is not found.
    return encoded
  }
}
