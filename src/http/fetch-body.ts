// The body of a fetch: read where it tells what the call asks, else left as it is.
import { Readable } from 'node:stream'
import { jsonOf } from './body.ts'
import type { CallerWatch } from './caller-watch.ts'
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
  /** Lets go of a stream of the caller's that will not be sent any further. */
  cancel: (reason: unknown) => void
}

/** Of a stream that the caller gave. */
interface Chunks {
  next: () => Chunk | Promise<Chunk>
  cancel: (reason: unknown) => void
}
type Chunk = IteratorResult<Uint8Array | string, unknown>

/** Rejects with the signal's reason when the caller leaves, or with whatever its own stream fails with. */
export async function readFetchBody(
  body: unknown,
  headers: Headers,
  inspectBytesMax: number,
  caller: Pick<CallerWatch, 'aborted' | 'onGone'>,
): Promise<FetchBody> {
  if (body === null || body === undefined) return { ...unread(0), bytes: null }
  const type = headers.get('content-type') ?? undefined
  const known = bytesOf(body)
  if (known) return whole(known, type, inspectBytesMax)
  if (body instanceof FormData) return fieldsOf(body)
  if (body instanceof Blob) {
    if (!mayBeRead(type ?? body.type, headers) || body.size > inspectBytesMax) return unread(body.size)
    return whole(Buffer.from(await body.arrayBuffer()), type ?? body.type, inspectBytesMax)
  }
  const chunks = mayBeRead(type, headers) ? chunksOf(body) : null
  if (!chunks) return unread(Number(headers.get('content-length') ?? 0))
  caller.onGone(({ reason }) => chunks.cancel(reason))
  return Promise.race([readChunks(chunks, type, inspectBytesMax), caller.aborted])
}

function bytesOf(body: unknown): Buffer | null {
  if (typeof body === 'string') return Buffer.from(body)
  if (body instanceof URLSearchParams) return Buffer.from(body.toString())
  if (body instanceof ArrayBuffer) return Buffer.from(body)
  return ArrayBuffer.isView(body) ? Buffer.from(body.buffer, body.byteOffset, body.byteLength) : null
}

function unread(byteLength: number): FetchBody {
  const asked = undefined
  const whole = { asSent: () => ({ asked, byteLength }), sentWhole: () => true, cancel: () => undefined }
  return { asked, bytes: null, byteLength, replacement: undefined, ...whole }
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
  // Its iterator would let go only when the read that waits has its chunk.
  if (body instanceof ReadableStream) return chunksOfStream(body)
  const chunks = isAsyncIterable(body)
    ? body[Symbol.asyncIterator]()
    : isIterable(body)
      ? body[Symbol.iterator]()
      : null
  if (!chunks) return null
  const letGo = async () => {
    if (body instanceof Readable) body.destroy()
    else await chunks.return?.()
  }
  // Nobody is left to be told of what its end fails with.
  return { next: () => chunks.next(), cancel: () => void letGo().catch(() => undefined) }
}

function chunksOfStream(stream: ReadableStream<Uint8Array>): Chunks {
  const reader = stream.getReader()
  return { next: () => reader.read(), cancel: (reason) => void reader.cancel(reason).catch(() => undefined) }
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
    if (size > inspectBytesMax) return passing(prefixed(first, chunks), type, size, chunks.cancel)
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
function passing(source: Readable, type: string | undefined, sizeMin: number, cancel: Chunks['cancel']): FetchBody {
  const form = readPassingForm(source, type)
  const sent = form?.source ?? source
  return {
    ...unread(sizeMin),
    replacement: Readable.toWeb(sent),
    asSent: () => ({ asked: form?.reader.fields ?? undefined, byteLength: form?.bytes() ?? sizeMin }),
    sentWhole: () => sent.readableEnded,
    cancel,
  }
}
