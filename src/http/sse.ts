// Server-sent events (WHATWG HTML 9.2): finds the data of each event in chunks that are cut anywhere.

export interface SseSink {
  /**
   * An event may begin at an index. Whole events may be left out there.
   *
   * @returns from where on the bytes are to be read.
   */
  begin?(bytes: Buffer, at: number): number
  /** A piece of the data of the present event, in place; lines are joined by a newline. */
  data(bytes: Buffer, start: number, end: number): void
  /** `terminated`: by its blank line. False: the stream ended first. */
  eventEnd(terminated: boolean): void
}

const [lineFeed, carriageReturn, colon, space] = [0x0a, 0x0d, 0x3a, 0x20] as const
const dataField = Buffer.from('data')
const newline = Buffer.from('\n')

type State = 'field' | 'data' | 'other'

/**
 * Keeps nothing but its state: events of any size pass. Lines end in LF, CRLF or CR; comments, `event`, `id` and `retry` are
 * passed over. Unlike EventSource it also tells of a last event without its blank line, which may hold the usage.
 */
export class SseSplitter {
  readonly #sink: SseSink
  #state: State = 'field'
  /** How many bytes of the line's field name have come. */
  #named = 0
  #hasData = false
  #afterColon = false
  #afterReturn = false
  /** Nothing of the next event has come. */
  #between = true
  /** The next carriage return of the present chunk, so that a stream without any is searched once a chunk. -1: not looked for. */
  #nextReturn = -1

  constructor(sink: SseSink) {
    this.#sink = sink
  }

  write(bytes: Buffer): void {
    let at = 0
    this.#nextReturn = -1
    while (at < bytes.length) {
      if (this.#afterReturn) {
        this.#afterReturn = false
        if (bytes[at] === lineFeed && ++at === bytes.length) return
      }
      if (this.#between && this.#sink.begin) {
        at = this.#sink.begin(bytes, at)
        if (at === bytes.length) return
      }
      this.#between = false
      if (this.#state === 'field') at = this.#field(bytes, at)
      else at = this.#value(bytes, at)
    }
  }

  end(): void {
    if (this.#hasData) this.#sink.eventEnd(false)
    this.#hasData = false
  }

  /** Reads one byte of a field's name. */
  #field(bytes: Buffer, at: number): number {
    const byte = bytes[at]
    if (byte === lineFeed || byte === carriageReturn) {
      if (this.#named === dataField.length) this.#beginData()
      else if (this.#named === 0) this.#blankLine()
      this.#lineEnd(byte)
    } else if (byte === colon) {
      this.#state = this.#named === dataField.length ? 'data' : 'other'
      if (this.#state === 'data') this.#beginData()
      this.#afterColon = true
    } else if (byte === dataField[this.#named]) this.#named++
    else this.#state = 'other'
    return at + 1
  }

  #value(bytes: Buffer, from: number): number {
    let at = from
    if (this.#afterColon) {
      this.#afterColon = false
      if (bytes[at] === space) at++
    }
    const end = this.#lineEndFrom(bytes, at)
    if (this.#state === 'data' && end > at) this.#sink.data(bytes, at, end)
    if (end === bytes.length) return end
    this.#lineEnd(bytes[end])
    return end + 1
  }

  #lineEndFrom(bytes: Buffer, at: number): number {
    if (this.#nextReturn < at) this.#nextReturn = returnFrom(bytes, at)
    const feed = bytes.indexOf(lineFeed, at)
    return Math.min(feed < 0 ? bytes.length : feed, this.#nextReturn)
  }

  #beginData(): void {
    if (this.#hasData) this.#sink.data(newline, 0, 1)
    this.#hasData = true
  }

  #blankLine(): void {
    if (this.#hasData) this.#sink.eventEnd(true)
    this.#hasData = false
    this.#between = true
  }

  #lineEnd(byte: number | undefined): void {
    this.#state = 'field'
    this.#named = 0
    this.#afterReturn = byte === carriageReturn
  }
}

function returnFrom(bytes: Buffer, at: number): number {
  const found = bytes.indexOf(carriageReturn, at)
  return found < 0 ? bytes.length : found
}
