// The body of a fetch: read where it tells what the call asks, else left as it is.
import { Readable } from 'node:stream'
import { jsonOf } from './body.ts'
import { formFieldsOf, isForm, readPassingForm } from './form-fields.ts'

export interface FetchBody {
  /** The JSON value, or a form's text fields; undefined where it is neither, or was not read. */
  asked: unknown
  /** All of it, where it is known before it is sent. */
  bytes: Buffer | null
  /** As far as it is known now. */
  byteLength: number
  /** What has to be sent in place of a body that was read; undefined: the caller's own. */
  replacement: Uint8Array<ArrayBuffer> | ReadableStream | undefined
  /** What is known once it has been sent: a large form's fields and size. */
  asSent: () => Pick<FetchBody, 'asked' | 'byteLength'>
  /** Whether nothing of it is still to be sent. */
  sentWhole: () => boolean
}

type Chunks = AsyncIterator<Uint8Array | string> | Iterator<Uint8Array | string>

/** Rejects with whatever the caller's own stream fails with. */
export async function readFetchBody(body: unknown, headers: Headers, inspectBytesMax: number): Promise<FetchBody> {
  if (body === null || body === undefined) return { ...unread(0), bytes: null }
  const type = headers.get('content-type') ?? undefined
  const known = bytesOf(body)
  if (known) return whole(known, type, inspectBytesMax)
  if (body instanceof FormData) return fieldsOf(body)
  if (body instanceof Blob) {
    if (!mayBeRead(type ?? body.type, headers) || body.size > inspectBytesMax) return unread(body.size)
    return whole(Buffer.from(await body.arrayBuffer()), type ?? body.type, inspectBytesMax)
  }
  const chunks = chunksOf(body)
  const declared = Number(headers.get('content-length') ?? 0)
  if (!chunks || !mayBeRead(type, headers)) return unread(declared)
  return readChunks(chunks, type, inspectBytesMax)
}

function bytesOf(body: unknown): Buffer | null {
  if (typeof body === 'string') return Buffer.from(body)
  if (body instanceof URLSearchParams) return Buffer.from(body.toString())
  if (body instanceof ArrayBuffer) return Buffer.from(body)
  return ArrayBuffer.isView(body) ? Buffer.from(body.buffer, body.byteOffset, body.byteLength) : null
}

function unread(byteLength: number): FetchBody {
  const asked = undefined
  return { asked, bytes: null, byteLength, replacement: undefined, asSent: () => ({ asked, byteLength }), sentWhole: () => true } // prettier-ignore
}

async function whole(bytes: Buffer, type: string | undefined, inspectBytesMax: number): Promise<FetchBody> {
  const small = bytes.length <= inspectBytesMax
  const asked = small ? (jsonOf(bytes) ?? (await formFieldsOf(bytes, type)) ?? undefined) : undefined
  const known = { asked, byteLength: bytes.length }
  return { ...unread(bytes.length), ...known, bytes, asSent: () => known }
}

/** A form that is still an object: its texts and the sizes of its files. */
function fieldsOf(form: FormData): FetchBody {
  const fields: Record<string, string> = {}
  let byteLength = 0
  for (const [name, value] of form.entries()) {
    if (typeof value === 'string') fields[name] = value
    byteLength += typeof value === 'string' ? Buffer.byteLength(value) : value.size
  }
  return { ...unread(byteLength), asked: fields, asSent: () => ({ asked: fields, byteLength }) }
}

function chunksOf(body: unknown): Chunks | null {
  if (typeof body !== 'object' || body === null) return null
  if (isAsyncIterable(body)) return body[Symbol.asyncIterator]()
  return isIterable(body) ? body[Symbol.iterator]() : null
}

function isAsyncIterable(body: object): body is AsyncIterable<Uint8Array | string> {
  return Symbol.asyncIterator in body
}

function isIterable(body: object): body is Iterable<Uint8Array | string> {
  return Symbol.iterator in body
}

/** What surely is neither JSON nor a form is left to pass. */
function mayBeRead(type: string | undefined, headers: Headers): boolean {
  if ((headers.get('content-encoding') ?? 'identity') !== 'identity') return false
  const lower = type?.toLowerCase() ?? ''
  return lower === '' || lower.includes('json') || lower.startsWith('text/plain') || isForm(type)
}

async function readChunks(chunks: Chunks, type: string | undefined, inspectBytesMax: number): Promise<FetchBody> {
  const first: Buffer[] = []
  let size = 0
  for (let read = await chunks.next(); !read.done; read = await chunks.next()) {
    const chunk = Buffer.from(read.value)
    first.push(chunk)
    size += chunk.length
    if (size > inspectBytesMax) return passing(prefixed(first, chunks), type, size)
  }
  const bytes = Buffer.concat(first)
  return { ...(await whole(bytes, type, inspectBytesMax)), replacement: new Uint8Array(bytes) }
}

function prefixed(first: readonly Buffer[], chunks: Chunks): Readable {
  return Readable.from(
    (async function* () {
      yield* first
      for (let read = await chunks.next(); !read.done; read = await chunks.next()) yield Buffer.from(read.value)
    })(),
    { objectMode: false },
  )
}

/** @param sizeMin what has been seen of it. */
function passing(source: Readable, type: string | undefined, sizeMin: number): FetchBody {
  const form = readPassingForm(source, type)
  const sent = form?.source ?? source
  return {
    ...unread(sizeMin),
    replacement: Readable.toWeb(sent),
    asSent: () => ({ asked: form?.reader.fields ?? undefined, byteLength: form?.bytes() ?? sizeMin }),
    sentWhole: () => sent.readableEnded,
  }
}
