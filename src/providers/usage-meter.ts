// The usage meter: sees an answer's bytes as they pass, and says at the end what the call used.
import { AnswerScan, type AnswerSink } from '../http/answer-scan.ts'
import { decodeTo, type ByteSink } from '../http/decode.ts'
import type { Ending, Picked } from '../http/json-picker.ts'
import type { AnswerHead, AnswerReader, ReaderRow } from './answer-reader.ts'
import type { Call } from './call.ts'
import { readerFor } from './readers.ts'
import { readingOf, type Reading } from './reading.ts'
import { TokenEstimate } from './token-estimate.ts'

export type { AnswerHead } from './answer-reader.ts'
export type { Reading } from './reading.ts'

export interface UsageMeter {
  /**
   * Never throws, and keeps nothing of the chunk.
   *
   * @returns how many of its first bytes are whole events of text, in which nothing tells of usage.
   */
  write(chunk: Uint8Array): number
  /**
   * Called once.
   *
   * @param complete whether the answer ended as the provider meant it to: not cut off, not cancelled.
   */
  end(complete: boolean): Reading | Promise<Reading>
}

/**
 * Opens a meter for the answer to a call.
 *
 * @example
 * const meter = openUsageMeter(call, { status: 200, headers: answer.headers })
 * answer.on('data', (chunk) => meter.write(chunk))
 * answer.on('end', async () => console.log((await meter.end(true)).usage))
 */
export function openUsageMeter(call: Call, head: AnswerHead): UsageMeter {
  if (head.status >= 300)
    return unbilledMeter({
      error: head.status >= 400,
      unread: false,
      reason: `the provider answered with status ${head.status}`,
    })
  if (call.free) return unbilledMeter({ error: false, unread: false, reason: 'the endpoint is free' })
  const row = readerFor(call)
  if (!row) return unbilledMeter({ error: false, unread: true, reason: 'no reader for this endpoint' })
  return new AnswerMeter(call, head, row)
}

const unbilled = {
  billable: false,
  pending: false,
  estimated: false,
  model: null,
  response_id: null,
  dedupe_id: null,
  assumed: {},
}

function unbilledMeter(why: Pick<Reading, 'error' | 'unread' | 'reason'>): UsageMeter {
  return {
    // Whatever it says, it is not billed.
    write: () => 0,
    end: (complete) => ({ ...unbilled, ...why, complete, usage: {} }),
  }
}

class AnswerMeter implements UsageMeter, AnswerSink {
  readonly #call: Call
  readonly #reader: AnswerReader
  readonly #scan: AnswerScan
  readonly #sink: ByteSink
  /** What the caller has been given, for the case that the provider never tells. */
  readonly #delivered = new TokenEstimate()
  /** Texts of a body that came whole: counted only if the provider does not tell. */
  #texts: string[] = []
  #bytes = 0
  /** The usage that counts was read from an object that was not closed. */
  #salvaged = false
  /** Where a client had to break off; what comes later reaches nobody. */
  #failure: { reason: string; delivered: number } | null = null
  /** A mistake of ours: the call is estimated, and the proxy goes on. */
  #fault: string | null = null

  constructor(call: Call, head: AnswerHead, row: ReaderRow) {
    const { headers } = head
    this.#call = call
    this.#reader = row.open(call, head)
    const shape = { contentType: headers['content-type'], bytesExpected: bytesExpectedIn(headers) }
    this.#scan = new AnswerScan(row.picks, shape, this)
    this.#sink = decodeTo(this.#scan, headers['content-encoding'])
  }

  object(picked: Picked, ending: Ending): void {
    // Clients parse each event, and throw at one that is not JSON.
    if (ending === 'broken') this.failure('an event of the stream is not JSON')
    else if (this.#reader.read(picked)) this.#salvaged = ending === 'cut'
  }

  text(bytes: Buffer, start: number, end: number): void {
    this.#delivered.addJsonBytes(bytes, start, end)
  }

  string(text: string): void {
    this.#texts.push(text)
  }

  failure(reason: string): void {
    this.#failure ??= { reason, delivered: this.#deliveredTokens() }
  }

  write(chunk: Uint8Array): number {
    this.#bytes += chunk.length
    if (this.#fault !== null) return 0
    try {
      this.#sink.write(Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))
    } catch (error) {
      this.#fault = `the answer could not be read (${String(error)})`
    }
    return this.#sink === this.#scan ? this.#scan.quietBytes : 0
  }

  end(complete: boolean): Reading | Promise<Reading> {
    const unpacked = this.#sink.end()
    return typeof unpacked === 'boolean'
      ? this.#reading(complete, unpacked)
      : unpacked.then((all) => this.#reading(complete, all))
  }

  #reading(complete: boolean, unpacked: boolean): Reading {
    const readable = unpacked && this.#fault === null
    const delivered = () => this.#failure?.delivered ?? this.#deliveredTokens()
    return readingOf(this.#call, this.#reader.findings(), {
      empty: this.#scan.objects === 0,
      silent: this.#bytes === 0,
      readable,
      complete: complete && readable && this.#scan.whole,
      salvaged: this.#salvaged,
      failure: this.#failure?.reason ?? null,
      deliveredTokens: () => (readable ? delivered() : Math.max(delivered(), this.#tokensByBytes())),
    })
  }

  #deliveredTokens(): number {
    for (const text of this.#texts) this.#delivered.addText(text)
    this.#texts = []
    return this.#delivered.tokens
  }

  /** For bytes that nobody can read: a packed event of a stream has some 20 of them a token, a packed body some 4. */
  #tokensByBytes(): number {
    return Math.round(this.#bytes / (this.#call.streamed ? 20 : 4))
  }
}

/** Null: they come in chunks, or packed. */
function bytesExpectedIn(headers: AnswerHead['headers']): number | null {
  const length = headers['content-length']
  return length === undefined || headers['content-encoding'] !== undefined ? null : Number(length)
}
