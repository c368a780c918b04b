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
  let meter: UsageMeter | null = null

  function see(chunk: unknown, encoding: unknown): void {
    const bytes = bytesOf(chunk, encoding)
    if (bytes === null) return
    // The headers are the handler's own until the first byte: later, compression may have added its encoding.
    meter ??= open({ status: res.statusCode, headers: textHeaders(res.getHeaders()) })
    meter.write(bytes)
  }

  res.write = (chunk: unknown, ...rest: unknown[]): boolean => {
    see(chunk, rest[0])
    return Boolean(Reflect.apply(write, undefined, [chunk, ...rest]))
  }
  res.end = (...args: unknown[]) => {
    see(args[0], args[1])
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

function textHeaders(headers: OutgoingHttpHeaders): IncomingHttpHeaders {
  const text: IncomingHttpHeaders = {}
  for (const [name, value] of Object.entries(headers)) if (value !== undefined) text[name] = String(value)
  return text
}
