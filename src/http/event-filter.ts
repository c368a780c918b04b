// The event filter: takes chosen events out of a stream of server-sent events, and leaves every other byte as it came.
import { colon } from './json-bytes.ts'

/** Which events go. */
export interface EventChoice {
  /** A cheap look, first at whole chunks: every event that shall go matches it. Not global, and over bytes (latin1). */
  look: RegExp
  /** Judges the data of an event that matched; its lines are joined by a newline. */
  takesOut(data: string): boolean
}

/** Longer events pass unjudged: a usage event has a few hundred bytes. */
const heldBytesMax = 64 * 1024

const [lineFeed, carriageReturn] = [0x0a, 0x0d] as const
const nothing = Buffer.alloc(0)

/**
 * An event that is not finished is held back, since a client can't read it before its blank line; all else passes at once.
 * An event is all from its first field to its blank line (WHATWG HTML 9.2): comments in front of it pass. What comes out does
 * not depend on where the chunks are cut.
 *
 * @example
 * const filter = new EventFilter({ look: /ping/, takesOut: (data) => data === 'ping' })
 * filter.write(Buffer.from('data: ping\n\ndata: a\n\nda')).toString() // 'data: a\n\n'
 * filter.end().toString() // 'da'
 */
export class EventFilter {
  readonly #choice: EventChoice
  /** The bytes of the open event that came in earlier chunks. */
  #held: Buffer[] = []
  #heldBytes = 0
  /** A field of an event has begun, and its blank line has not come. */
  #inEvent = false
  /** The open event is longer than what is held, and passes. */
  #passing = false
  #atLineStart = true
  #afterReturn = false
  /** The carriage return that was the last byte has been taken out, and its line feed goes with it. */
  #dropsFeed = false

  constructor(choice: EventChoice) {
    this.#choice = choice
  }

  /**
   * @param leftBytes how many of its first bytes are known to be whole events that stay.
   * @returns what may go on; the chunk itself where nothing in it is taken out or held back. Empty: nothing yet.
   */
  write(chunk: Buffer, leftBytes = 0): Buffer {
    if (!this.#isIdle()) return this.#scan(chunk, 0)
    if (leftBytes === chunk.length) {
      this.#afterReturn = false
      return chunk
    }
    const text = chunk.toString('latin1', leftBytes)
    const chosen = text.search(this.#choice.look)
    if (chosen < 0 && endsAfterBlankLine(chunk)) {
      this.#afterReturn = false
      return chunk
    }
    return this.#scan(chunk, leftBytes + eventStart(text, chosen < 0 ? text.length : chosen))
  }

  /** @returns what was held back. A last event without its blank line is judged too: some clients read it. */
  end(): Buffer {
    const rest = Buffer.concat(this.#held)
    this.#held = []
    return this.#goes(rest) ? nothing : rest
  }

  #isIdle(): boolean {
    return !this.#inEvent && this.#atLineStart && !this.#dropsFeed
  }

  #scan(chunk: Buffer, start: number): Buffer {
    const out: Buffer[] = []
    /** Where the bytes begin that are not yet passed, held or dropped. */
    let from = 0
    let at = start
    /** Looked for once a chunk where there is none. */
    let nextReturn = -1
    if (start > 0) this.#afterReturn = false
    while (at < chunk.length) {
      const byte = chunk[at]
      if (this.#afterReturn) {
        this.#afterReturn = false
        if (byte === lineFeed) {
          at++
          if (this.#dropsFeed) from = at
          this.#dropsFeed = false
          continue
        }
        this.#dropsFeed = false
      }
      const isLineEnd = byte === lineFeed || byte === carriageReturn
      if (this.#atLineStart && !isLineEnd && !this.#inEvent && byte !== colon) {
        out.push(chunk.subarray(from, at))
        from = at
        this.#inEvent = true
      }
      if (this.#atLineStart && isLineEnd && this.#inEvent) {
        if (this.#eventEnd(chunk.subarray(from, at + 1), out)) this.#dropsFeed = byte === carriageReturn
        from = at + 1
      }
      if (isLineEnd) at++
      else {
        if (nextReturn < at) nextReturn = indexFrom(chunk, carriageReturn, at)
        at = Math.min(indexFrom(chunk, lineFeed, at), nextReturn)
      }
      this.#atLineStart = isLineEnd
      this.#afterReturn = byte === carriageReturn
    }
    this.#keep(chunk.subarray(from), out)
    return out.length === 1 ? (out[0] ?? nothing) : Buffer.concat(out)
  }

  /** @returns whether the event, which ends with these bytes, is taken out. */
  #eventEnd(rest: Buffer, out: Buffer[]): boolean {
    const event = this.#held.length === 0 ? rest : Buffer.concat([...this.#held, rest])
    const goes = !this.#passing && this.#goes(event)
    if (!goes) out.push(event)
    this.#held = []
    this.#heldBytes = 0
    this.#inEvent = false
    this.#passing = false
    return goes
  }

  /** The chunk ends. */
  #keep(rest: Buffer, out: Buffer[]): void {
    if (!this.#inEvent || this.#passing) {
      out.push(rest)
      return
    }
    this.#held.push(rest)
    this.#heldBytes += rest.length
    if (this.#heldBytes <= heldBytesMax) return
    out.push(Buffer.concat(this.#held))
    this.#held = []
    this.#passing = true
  }

  #goes(event: Buffer): boolean {
    return (
      event.length <= heldBytesMax &&
      this.#choice.look.test(event.toString('latin1')) &&
      this.#choice.takesOut(dataOf(event))
    )
  }
}

/** Where the last event begins that begins at or before an index; all before it is whole. */
function eventStart(text: string, at: number): number {
  const blankLine = at < 2 ? -1 : text.lastIndexOf('\n\n', at - 2)
  return blankLine < 0 ? 0 : blankLine + 2
}

function endsAfterBlankLine(chunk: Buffer): boolean {
  const end = chunk.length
  if (chunk[end - 1] !== lineFeed) return false
  return chunk[end - 2] === lineFeed || (chunk[end - 2] === carriageReturn && chunk[end - 3] === lineFeed)
}

/** The next of a byte, or the end. */
function indexFrom(chunk: Buffer, byte: number, from: number): number {
  const found = chunk.indexOf(byte, from)
  return found < 0 ? chunk.length : found
}

function dataOf(event: Buffer): string {
  const lines = event.toString('utf8').split(/\r\n|\n|\r/)
  return lines.flatMap((line) => /^data(?::|$) ?(.*)/s.exec(line)?.[1] ?? []).join('\n')
}
