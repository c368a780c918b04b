// The callers' side of a chaos run: one HTTP request each, on a connection of its own, told as what came of it.
import { request, type IncomingMessage } from 'node:http'
import { forwardToken } from '../../src/gateway/forward-token.ts'
import type { Attempt } from './evidence.ts'
import { chatUrl, model, secretKey, type Customer } from './scene.ts'

export interface CallPlan {
  marker: string
  customer: Customer
  streams: boolean
  max_tokens: number
  /** An Idempotency-Key. */
  key: string | null
  /** When the caller leaves. */
  leaves: { afterMs: number } | 'at the first bytes' | null
}

/** Longer than any answer takes, recovery and all; a call that takes longer hangs. */
const lateAfterMs = 30_000

export function sendCall(port: number, plan: CallPlan): Promise<Attempt> {
  const { marker, customer, streams, max_tokens, key, leaves } = plan
  const token = forwardToken({ secret_key: secretKey, customer_id: customer.id, meter_slug: customer.meter.meter_slug })
  const content = `${marker}: ${'say what is left when all is counted twice '.repeat(3)}`
  const body = JSON.stringify({ model, user: marker, max_tokens, ...(streams ? { stream: true } : {}), messages: [{ role: 'user', content }] }) // prettier-ignore
  return new Promise((resolve) => {
    const attempt: Attempt = { answer: 'cut', request_id: null, whole: false }
    const outgoing = request({
      host: '127.0.0.1',
      port,
      method: 'POST',
      path: `/v1/forward?u=${encodeURIComponent(chatUrl)}`,
      agent: false,
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        'x-lava-metadata-marker': marker,
        ...(key === null ? {} : { 'idempotency-key': key }),
      },
    })
    const leave = (answer: 'left' | 'late') => {
      attempt.answer = answer
      outgoing.destroy()
    }
    const late = setTimeout(() => leave('late'), lateAfterMs)
    const leaving = leaves !== null && leaves !== 'at the first bytes' ? setTimeout(() => leave('left'), leaves.afterMs) : null // prettier-ignore
    outgoing.on('response', (answer: IncomingMessage) => {
      const request_id = answer.headers['x-lava-request-id']
      attempt.request_id = typeof request_id === 'string' ? request_id : null
      attempt.answer = answer.statusCode ?? 'cut'
      answer.on('data', () => {
        if (leaves === 'at the first bytes' && attempt.answer === 200) leave('left')
      })
      answer.on('end', () => {
        attempt.whole = answer.complete
      })
      // A cut in the middle is told by `whole`.
      answer.on('error', () => undefined)
    })
    // What went wrong is told by the answer, which is still `cut`.
    outgoing.on('error', () => undefined)
    outgoing.on('close', () => {
      clearTimeout(late)
      if (leaving) clearTimeout(leaving)
      resolve(attempt)
    })
    outgoing.end(body)
  })
}

/** Null: no whole answer came. */
export function sendJson(port: number, path: string, body: object): Promise<{ status: number; body: string } | null> {
  const text = JSON.stringify(body)
  return new Promise((resolve) => {
    let answered: { status: number; body: string } | null = null
    const outgoing = request({
      host: '127.0.0.1',
      port,
      method: 'POST',
      path,
      agent: false,
      timeout: lateAfterMs,
      headers: {
        authorization: `Bearer ${secretKey}`,
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(text),
      },
    })
    outgoing.on('timeout', () => outgoing.destroy())
    outgoing.on('response', (answer: IncomingMessage) => {
      const chunks: Buffer[] = []
      answer.on('data', (chunk: Buffer) => chunks.push(chunk))
      answer.on('end', () => {
        if (answer.complete) answered = { status: answer.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }
      })
      // A cut answer is no answer.
      answer.on('error', () => undefined)
    })
    outgoing.on('error', () => undefined)
    outgoing.on('close', () => resolve(answered))
    outgoing.end(text)
  })
}
