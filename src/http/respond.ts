// Answers of the gateway's own: JSON and errors, written once.
import { STATUS_CODES, type ServerResponse } from 'node:http'
import type { GatewayError } from '../errors.ts'
import { isClosed } from './client-watch.ts'

export function respondJson(res: ServerResponse, status: number, body: unknown): void {
  // The caller left: a write would only raise an error that nobody listens for.
  if (isClosed(res)) return
  const bytes = Buffer.from(JSON.stringify(body))
  res.statusCode = status
  res.setHeader('content-type', 'application/json; charset=utf-8')
  res.setHeader('content-length', bytes.length)
  res.end(bytes)
}

/** Tells the caller of an error; an answer under way can only be cut off. */
export function respondError(res: ServerResponse, error: GatewayError): void {
  // The host answered itself: that stands.
  if (res.writableEnded) return
  if (res.headersSent) {
    res.destroy()
    return
  }
  respondJson(res, error.status, error)
}

/** The same for who called a fetch; clients read it as an API error. */
export function errorResponse(error: GatewayError, headers: Readonly<Record<string, string>>): Response {
  const { status } = error
  // Clients that can't read a body of this shape tell the status as words.
  return Response.json(error, { status, statusText: STATUS_CODES[status] ?? '', headers: { ...headers } })
}
