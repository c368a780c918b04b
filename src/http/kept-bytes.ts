// Kept bytes: one value cut out of chunks that pass, bounded.

/** A value longer than this is dropped: a usage object has a few hundred bytes. */
export const keptBytesMax = 256 * 1024

/** Copies only what a chunk's end cuts through; a value inside one chunk is read in place. */
export class KeptBytes {
  #pieces: Buffer[] = []
  #bytes = 0
  #from = -1

  /** The value begins at this index of the present chunk. */
  begin(at: number): void {
    this.#from = at
  }

  get open(): boolean {
    return this.#from >= 0
  }

  /** The present chunk ends at `end`; the value goes on at `start` of the next. */
  carry(bytes: Buffer, end: number): void {
    this.#bytes += end - this.#from
    if (this.#bytes > keptBytesMax) this.#pieces = []
    // Copied, so that a few bytes do not hold on to the whole chunk they came in.
    else if (end > this.#from) this.#pieces.push(Buffer.from(bytes.subarray(this.#from, end)))
  }

  /** The value's text, which ends before `end` of the present chunk; empty when it was too long. */
  take(bytes: Buffer, end: number): string {
    let text: string
    if (this.#bytes === 0) text = bytes.toString('utf8', this.#from, end)
    else {
      this.carry(bytes, end)
      text = Buffer.concat(this.#pieces).toString('utf8')
    }
    this.drop()
    return text
  }

  drop(): void {
    this.#pieces = []
    this.#bytes = 0
    this.#from = -1
  }
}
