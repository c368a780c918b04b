// Answers of the gateway's own: JSON and errors, written once.
import type { ServerResponse } from 'node:http'
import { GatewayError } from '../errors.ts'
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
