// A request's body: read whole when it is small JSON or a small form, streamed untouched otherwise.
import { Readable } from 'node:stream'
import type { IncomingMessage } from 'node:http'
import { GatewayError } from '../errors.ts'
import { formFieldsOf, isForm } from './form-fields.ts'
import { isSpace } from './json-bytes.ts'

export type RequestBody =
  | { kind: 'none' }
  /** All of it, byte for byte as the caller sent it (unless a parser in front had eaten it). */
  | { kind: 'bytes'; bytes: Buffer }
  /** Too large, or neither JSON nor a form: goes out as it comes in. `bytesExpected` is the declared length. */
  | { kind: 'stream'; source: Readable; bytesExpected: number | null }

/**
 * Reads JSON or a form of at most `inspectBytesMax` bytes; anything else stays a stream.
 *
 * @throws GatewayError `invalid_request` when a parser in front consumed a body that can't be restored.
 */
export function readRequestBody(req: IncomingMessage, inspectBytesMax: number): RequestBody | Promise<RequestBody> {
  if (req.readableDidRead) return consumedBody(req)
  const declared = req.headers['content-length']
  if (declared === undefined && req.headers['transfer-encoding'] === undefined && req.httpVersionMajor < 2)
    return { kind: 'none' }
  const bytesExpected = declared === undefined ? null : Number(declared)
  if (bytesExpected === 0) return { kind: 'none' }
  if (!(mayBeJson(req) || isForm(req.headers['content-type'])) || (bytesExpected ?? 0) > inspectBytesMax)
    return { kind: 'stream', source: req, bytesExpected }
  return readUpTo(req, inspectBytesMax)
}

/**
 * Lets go of what is still to come of an answered request. A caller may look for the answer only when it has sent all, and where
 * nobody began to read, Node does the same.
 */
export function letPass(req: IncomingMessage): void {
  if (req.complete) return
  req.unpipe()
  req.resume()
}

/** Whether a parser in front has unpacked this body, whose `content-encoding` is then no longer true. */
export function isUnpacked(body: RequestBody): boolean {
  return body.kind === 'bytes' && jsonOf(body.bytes) !== undefined
}

/** What a body asks: its JSON value, or a promise of the text fields of a form. Undefined: neither, or it was not read. */
export function askedIn(body: RequestBody, contentType: string | undefined): unknown {
  if (body.kind !== 'bytes') return undefined
  return jsonOf(body.bytes) ?? formFieldsOf(body.bytes, contentType).then((fields) => fields ?? undefined)
}

/** The JSON value of a body, or undefined when it is not JSON: the provider, not the gateway, judges a broken body. */
export function jsonOf(bytes: Buffer): unknown {
  let at = 0
  while (isSpace(bytes[at] ?? 0)) at++
  if (bytes[at] !== 0x7b && bytes[at] !== 0x5b) return undefined
  try {
    return JSON.parse(bytes.toString('utf8')) as unknown
  } catch {
    return undefined
  }
}

/** Lava's client sends JSON strings as text/plain (lava-api 1.6), so only what surely is not JSON is left unread. */
function mayBeJson(req: IncomingMessage): boolean {
  const encoding = req.headers['content-encoding']
  return (encoding === undefined || encoding === 'identity') && isJsonType(req)
}

function isJsonType(req: IncomingMessage): boolean {
  const type = req.headers['content-type']?.toLowerCase()
  return type === undefined || type.includes('json') || type.startsWith('text/plain')
}

function readUpTo(req: IncomingMessage, bytesMax: number): Promise<RequestBody> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    let isOver = false
    const onData = (chunk: Buffer) => {
      chunks.push(chunk)
      size += chunk.length
      if (size <= bytesMax) return
      isOver = true
      req.off('data', onData)
      req.off('end', onEnd)
      req.pause()
      resolve({ kind: 'stream', source: prefixed(chunks, req), bytesExpected: null })
    }
    const onEnd = () => {
      isOver = true
      resolve(
        size === 0
          ? { kind: 'none' }
          : { kind: 'bytes', bytes: chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks) },
      )
    }
    // Left on the request: taking listeners away costs more than most bodies' reading.
    const onClose = () => {
      if (isOver) return
      isOver = true
      reject(new GatewayError('invalid_request', 'The caller left before the body was complete.'))
    }
    req.on('data', onData)
    req.on('end', onEnd)
    req.on('close', onClose)
    req.on('error', onClose)
  })
}

function prefixed(chunks: readonly Buffer[], rest: Readable): Readable {
  return Readable.from(
    (async function* () {
      yield* chunks
      // What is left over is still to be let pass.
      yield* rest.iterator({ destroyOnReturn: false })
    })(),
    { objectMode: false },
  )
}

/** A body parser in front has read the stream (http-proxy-middleware#40): take what it left. */
function consumedBody(req: IncomingMessage): RequestBody {
  // Parsers give `{}` for nothing.
  if (req.headers['content-length'] === '0') return { kind: 'none' }
  const raw: unknown = 'rawBody' in req ? req.rawBody : undefined
  if (Buffer.isBuffer(raw)) return { kind: 'bytes', bytes: raw }
  // Koa's parsers keep the text. Where they took it for JSON or a form, it is UTF-8.
  if (typeof raw === 'string') return raw === '' ? { kind: 'none' } : { kind: 'bytes', bytes: Buffer.from(raw) }
  const body: unknown = 'body' in req ? req.body : undefined
  if (Buffer.isBuffer(body)) return { kind: 'bytes', bytes: body }
  if (typeof body === 'string') return { kind: 'bytes', bytes: Buffer.from(body) }
  if (body !== undefined && body !== null && isJsonType(req))
    return { kind: 'bytes', bytes: Buffer.from(JSON.stringify(body)) }
  throw new GatewayError(
    'invalid_request',
    'A body parser in front has consumed this body. Mount lavaGateway() before it, or let the parser keep the bytes as req.rawBody.',
  )
}
