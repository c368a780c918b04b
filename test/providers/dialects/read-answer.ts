// Reads an answer in a provider's format as a host would, with its bytes cut in several ways.
import { expect } from 'vitest'
import { readUsage, type UsageReading } from '../../../src/providers/read-usage.ts'
import { cutEvery } from '../../support/cut.ts'

export interface Exchange {
  /** Default POST. */
  method?: string
  url: string
  /** The request's, as it would be parsed. */
  body?: unknown
  /** Default 200. */
  status?: number
  headers?: Record<string, string>
  /** An object is written as JSON. */
  answer: object | string
  /** Whether the connection breaks after the last byte. Default false. */
  broken?: boolean
}

/** However the bytes are cut, the reading must be the same. */
export async function readAnswer({ answer, ...exchange }: Exchange): Promise<UsageReading> {
  const bytes = Buffer.isBuffer(answer)
    ? answer
    : Buffer.from(typeof answer === 'string' ? answer : JSON.stringify(answer))
  const whole = await readChunks(exchange, [bytes])
  for (const size of [1, 7]) expect(await readChunks(exchange, cutEvery(bytes, size))).toEqual(whole)
  return whole
}

/** Server-sent events, one an object; a text is written as it is. */
export function events(...data: readonly (object | string)[]): string {
  return data.map((each) => `data: ${typeof each === 'string' ? each : JSON.stringify(each)}\n\n`).join('')
}

/** An object a line. */
export function lines(...objects: readonly object[]): string {
  return objects.map((object) => `${JSON.stringify(object)}\n`).join('')
}

function readChunks(exchange: Omit<Exchange, 'answer'>, chunks: readonly Buffer[]): Promise<UsageReading> {
  const { method = 'POST', url, body, status = 200, headers = {}, broken = false } = exchange
  return readUsage({ request: { method, url, body }, response: { status, headers }, chunks: sent(chunks, broken) })
}

async function* sent(chunks: readonly Buffer[], broken: boolean): AsyncGenerator<Buffer> {
  for (const chunk of chunks) yield chunk
  if (broken) await Promise.reject(new Error('socket hang up'))
}
