// Repeated values: parses short JSON values, most of which are the same in every event of a stream.
import type { KeptBytes } from './kept-bytes.ts'
import { sameBytes } from './pick-paths.ts'

/** Longer values are parsed each time: they rarely repeat. */
const repeatedBytesMax = 64
const letterN = 0x6e
const seen = Buffer.alloc(0)

export class RepeatedValues {
  readonly #bytes: (Buffer | undefined)[] = []
  readonly #values: unknown[] = []

  /**
   * The value at a place of the tree; null also for the literal.
   *
   * @returns undefined when the bytes are not JSON: as if the provider had not said it.
   */
  parse(index: number, { bytes, start, stop }: KeptBytes): unknown {
    if (bytes[start] === letterN) return null
    const last = this.#bytes[index]
    if (last && sameBytes(last, bytes, start, stop)) return this.#values[index]
    const value = parse(bytes.toString('utf8', start, stop))
    // The first is not copied: of many objects there is only one, and of a stream's events most are passed over.
    if (!last) this.#bytes[index] = seen
    else if (stop - start <= repeatedBytesMax) {
      this.#bytes[index] = Buffer.from(bytes.subarray(start, stop))
      this.#values[index] = value
    }
    return value
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}
