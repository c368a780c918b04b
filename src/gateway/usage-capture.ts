// Usage capture on a route of the host's: reads the usage out of what its handler answers, as it passes.
import type { IncomingHttpHeaders, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { AnswerHead, UsageMeter } from '../providers/usage-meter.ts'

export interface ResponseTap {
  /** The meter that has seen what was answered so far; null when nothing was. */
  meter(): UsageMeter | null
}

/**
 * Looks at every chunk that is written to `res`. Put on after `compression()`, it sees the bytes before they are packed.
 */
export function tapResponse(res: ServerResponse, open: (head: AnswerHead) => UsageMeter): ResponseTap {
  const write = res.write.bind(res)
  const end = res.end.bind(res)
  const writeHead = res.writeHead.bind(res)
  let head: AnswerHead | null = null
  let meter: UsageMeter | null = null

  function see(chunk: unknown, encoding: unknown): void {
    const bytes = bytesOf(chunk, encoding)
    if (bytes === null) return
    meter ??= open(head ?? { status: res.statusCode, headers: textHeaders(res.getHeaders()) })
    meter.write(bytes)
  }

  // The head as the handler wrote it, or flushed it: behind this, compression adds its own encoding to it.
  res.writeHead = (...args: unknown[]) => {
    head ??= headOf(res, args)
    Reflect.apply(writeHead, undefined, args)
    return res
  }
  res.write = (chunk: unknown, ...rest: unknown[]): boolean => {
    see(chunk, rest[0])
    return Boolean(Reflect.apply(write, undefined, [chunk, ...rest]))
  }
  res.end = (...args: unknown[]) => {
    if (!res.writableEnded) see(args[0], args[1])
    Reflect.apply(end, undefined, args)
    return res
  }
  return { meter: () => meter }
}

function bytesOf(chunk: unknown, encoding: unknown): Uint8Array | null {
  if (chunk instanceof Uint8Array) return chunk
  if (typeof chunk !== 'string') return null
  return Buffer.from(chunk, typeof encoding === 'string' && Buffer.isEncoding(encoding) ? encoding : 'utf8')
}

/** Headers that `writeHead` is given may never be seen by `getHeaders`. */
function headOf(res: ServerResponse, [status, ...rest]: unknown[]): AnswerHead {
  const given = rest.find((argument) => typeof argument === 'object' && argument !== null) ?? {}
  const pairs = Array.isArray(given) ? pairsOf(given) : Object.entries(given)
  const headers: OutgoingHttpHeaders = { ...res.getHeaders() }
  for (const [name, value] of pairs) headers[name.toLowerCase()] = String(value)
  return { status: typeof status === 'number' ? status : res.statusCode, headers: textHeaders(headers) }
}

/** `writeHead` takes names and values in turn, too, or as pairs. */
function pairsOf(given: unknown[]): [string, unknown][] {
  const flat: unknown[] = given.flat()
  return flat.flatMap((name, at): [string, unknown][] => (at % 2 === 0 ? [[String(name), flat[at + 1]]] : []))
}

function textHeaders(headers: OutgoingHttpHeaders): IncomingHttpHeaders {
  const text: IncomingHttpHeaders = {}
  for (const [name, value] of Object.entries(headers)) if (value !== undefined) text[name] = String(value)
  return text
}
