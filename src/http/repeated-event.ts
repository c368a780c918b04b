// A repeated event: most quiet events of a stream are the last one again, with another text in it.
import { closingQuoteOf } from './json-text.ts'

/** More of an event is not kept. */
const keptLengthMax = 2048
/** So many events are kept in a row though none of them repeats: each of such a stream tells its number, say. */
const vainMax = 8

/**
 * Compares an event with one that was found to be quiet and to have one text, which is several times faster than to search it.
 * What differs behind the text, such as padding, is searched.
 */
export class RepeatedEvent {
  /** Whether more than what is passed over is told: a text, or a value that is wanted. */
  readonly #tells: (part: string) => boolean
  /** Up to the text. Empty: none is kept. */
  #before = ''
  /** From the quote behind the text on, as far as it repeats. */
  #after = ''
  #vain = 0
  /** Where the text of the last match begins and ends. */
  textStart = 0
  textEnd = 0

  constructor(tells: (part: string) => boolean) {
    this.#tells = tells
  }

  /**
   * @param whole whether nothing but the text may differ, padding neither.
   * @returns the index behind the event that begins at another, blank line included; -1: it is not the same.
   */
  match(chunk: string, at: number, whole: boolean): number {
    const start = at + this.#before.length
    if (start === at || chunk.slice(at, start) !== this.#before) return -1
    const feed = chunk.indexOf('\n', start)
    const close = closingQuoteOf(chunk, start)
    if (close < 0 || close > feed) return -1
    const rest = close + this.#after.length
    if (chunk.slice(close, rest) !== this.#after) return -1
    if (rest < feed + 2 && (whole || !this.#isQuietEnd(chunk, rest, feed))) return -1
    this.textStart = start
    this.textEnd = close
    this.#vain = 0
    return feed + 2
  }

  /** Keeps a quiet event for those to come. `start` and `close` are where its only text begins and ends. */
  keep(bytes: Buffer, at: number, start: number, close: number, end: number): void {
    if (this.#vain === vainMax || end - at > keptLengthMax) return
    // Decoded anew: a part of the chunk's own text would hold on to all of it.
    const before = bytes.toString('latin1', at, start)
    const after = bytes.toString('latin1', close, end)
    const isSame = before === this.#before
    this.#vain++
    this.#before = before
    this.#after = isSame ? repeatedPart(this.#after, after) : after
    if (!/^"(?=[,}]).*(?:,|\}\n\n)$/s.test(this.#after)) this.#before = ''
  }

  #isQuietEnd(chunk: string, from: number, feed: number): boolean {
    return chunk.startsWith('}\n\n', feed - 1) && !this.#tells(chunk.slice(from, feed))
  }
}

/** Up to a comma, which no name of a value goes across. */
function repeatedPart(one: string, other: string): string {
  let at = 0
  while (at < one.length && one[at] === other[at]) at++
  return one.slice(0, one.lastIndexOf(',', at - 1) + 1)
}
