// Quiet events: those of a stream that carry text and nothing else that is picked. They are most of it.
import { closingQuoteOf } from './json-text.ts'
import type { PickKind, PickPaths } from './pick-paths.ts'
import { RepeatedEvent } from './repeated-event.ts'

/** Bytes of a text, still escaped as in JSON. */
export type TextSink = (bytes: Buffer, start: number, end: number) => void

/** What tells quiet events from others. Made once a dialect. */
export class QuietEvents {
  readonly #signal: RegExp
  readonly #text: RegExp

  constructor(paths: PickPaths) {
    const texts = lastKeys(paths, ['text'])
    const values = lastKeys(paths, ['value', 'list', 'count'])
    // A wanted value that is not null, or a text that is no string.
    this.#signal = new RegExp(`"(?:${values})"\\s*:\\s*[^n\\s]|"(?:${texts})"\\s*:\\s*[{[]`)
    this.#text = new RegExp(`"(?:${texts})"\\s*:\\s*"`, 'g')
  }

  /** Whether more than text is told in a part of an event. */
  signals(part: string): boolean {
    return this.#signal.test(part)
  }

  /** The index at which the next text begins; 0 where there is none. */
  textFrom(part: string, at: number): number {
    this.#text.lastIndex = at
    return this.#text.test(part) ? this.#text.lastIndex : 0
  }
}

/** Larger chunks are left to the picker, which makes no copy of them. */
const chunkBytesMax = 64 * 1024

/**
 * Passes over the quiet events of one stream by a few native searches a chunk, several times faster than a walk through
 * their JSON. In doubt an event is not quiet; a decoy in a text costs a walk, never a wrong count of usage.
 */
export class QuietPassage {
  readonly #events: QuietEvents
  readonly #sink: TextSink
  /** The chunk with one character a byte, so that an index into it is one into the bytes. Null: not looked at. */
  #chunk: string | null = null
  /** Where the texts of the present event begin and end, in turn. */
  readonly #texts: number[] = []
  readonly #repeated: RepeatedEvent
  /** Where the last event ends that was found to be quiet, passed over or not. */
  quietEnd = 0

  constructor(events: QuietEvents, sink: TextSink) {
    this.#events = events
    this.#sink = sink
    this.#repeated = new RepeatedEvent((part) => events.signals(part) || events.textFrom(part, 0) > 0)
  }

  /**
   * Hands over the texts of the quiet events that begin at an index, as many as follow each other and lie in the chunk whole.
   *
   * @param from where an event begins.
   * @param onlyRepeated whether only those are passed over that are the same as one before but for their texts.
   * @returns where the first one begins that is not passed over.
   */
  pass(bytes: Buffer, from: number, onlyRepeated = false): number {
    this.#chunk ??= this.#open(bytes)
    const chunk = this.#chunk
    let at = from
    while (at < chunk.length) {
      let end = this.#repeated.match(chunk, at, onlyRepeated)
      if (end >= 0) {
        this.quietEnd = end
        this.#sink(bytes, this.#repeated.textStart, this.#repeated.textEnd)
      } else {
        end = this.#search(bytes, chunk, at)
        if (end < 0) break
        this.quietEnd = end
        if (onlyRepeated) break
        for (let index = 0; index < this.#texts.length; index += 2)
          this.#sink(bytes, this.#texts[index] ?? 0, this.#texts[index + 1] ?? 0)
      }
      at = end
    }
    return at
  }

  /** The chunk ends: nothing of it is kept. */
  close(): void {
    this.#chunk = null
  }

  /** @returns the index behind the event that begins at another, its texts found; -1: it is not quiet. */
  #search(bytes: Buffer, chunk: string, at: number): number {
    const end = eventEnd(chunk, at)
    if (end < 0) return -1
    const event = chunk.slice(at, end)
    // Without text it may be the event that ends the answer.
    if (this.#events.signals(event) || !this.#findTexts(event, at)) return -1
    const texts = this.#texts
    if (texts.length === 2) this.#repeated.keep(bytes, at, texts[0] ?? 0, texts[1] ?? 0, end)
    return end
  }

  #open(bytes: Buffer): string {
    this.quietEnd = 0
    if (bytes.length > chunkBytesMax) return ''
    const chunk = bytes.toString('latin1')
    // A line that ends in a carriage return alone is nobody's.
    return chunk.includes('\r') && /\r(?!\n)/.test(chunk) ? '' : chunk
  }

  /** @returns whether there is one, and all are closed. */
  #findTexts(event: string, at: number): boolean {
    this.#texts.length = 0
    let text = this.#events.textFrom(event, 0)
    while (text > 0) {
      const close = closingQuoteOf(event, text)
      if (close < 0) return false
      this.#texts.push(at + text, at + close)
      text = this.#events.textFrom(event, close + 1)
    }
    return this.#texts.length > 0
  }
}

function lastKeys(paths: PickPaths, kinds: readonly PickKind[]): string {
  const wanted = Object.entries(paths).filter(([, kind]) => kinds.includes(kind))
  return [...new Set(wanted.map(([path]) => path.slice(path.lastIndexOf('.') + 1)))].join('|')
}

const [lineFeed, carriageReturn, space, braceOpen, braceClose] = [0x0a, 0x0d, 0x20, 0x7b, 0x7d] as const

/**
 * Where an event ends that is one line of data, with a line of `event` before it perhaps, and whole, blank line included. Of a
 * value that goes on in a second line nothing is certain.
 *
 * @returns -1: it is not so.
 */
function eventEnd(chunk: string, at: number): number {
  const line = chunk.startsWith('event:', at) ? chunk.indexOf('\n', at) + 1 : at
  if (line < at || !chunk.startsWith('data:', line)) return -1
  const open = line + (chunk.charCodeAt(line + 5) === space ? 6 : 5)
  const feed = chunk.indexOf('\n', open)
  const close = chunk.charCodeAt(feed - 1) === carriageReturn ? feed - 2 : feed - 1
  if (chunk.charCodeAt(open) !== braceOpen || chunk.charCodeAt(close) !== braceClose) return -1
  if (chunk.charCodeAt(feed + 1) === lineFeed) return feed + 2
  return chunk.charCodeAt(feed + 1) === carriageReturn ? feed + 3 : -1
}
