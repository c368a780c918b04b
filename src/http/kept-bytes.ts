// Kept bytes: one value cut out of chunks that pass, bounded.

/** A value longer than this is dropped: a usage object has a few hundred bytes, one of a hundred passes some 20,000. */
export const keptBytesMax = 64 * 1024
/** Lists hold counts and kinds of what an answer consists of. */
export const listMax = 1000
export const listValueBytesMax = 256

/** Copies only what a chunk's end cuts through; a value inside one chunk is read in place. */
export class KeptBytes {
  #pieces: Buffer[] = []
  #carried = 0
  #from = -1
  /** Where the value lies after `end()`: in the chunk itself, or in a copy. */
  bytes: Buffer = nothing
  start = 0
  stop = 0

  /** The value begins, or goes on, at this index of the present chunk. */
  begin(at: number): void {
    this.#from = at
  }

  get length(): number {
    return this.stop - this.start
  }

  get open(): boolean {
    return this.#from >= 0
  }

  /** The chunk ends, and the value does not. */
  carry(bytes: Buffer, end: number): void {
    this.#carried += end - this.#from
    if (this.#carried > keptBytesMax) this.#pieces = []
    // Copied, so that a few bytes do not hold on to the whole chunk they came in.
    else if (end > this.#from) this.#pieces.push(Buffer.from(bytes.subarray(this.#from, end)))
  }

  /** The value ends before `stop`. One that was too long is empty. */
  end(bytes: Buffer, stop: number): void {
    this.bytes = bytes
    this.start = this.#from
    this.stop = stop
    if (this.#carried > 0) {
      this.carry(bytes, stop)
      this.bytes = Buffer.concat(this.#pieces)
      this.start = 0
      this.stop = this.bytes.length
    }
    this.drop()
  }

  drop(): void {
    if (this.#carried > 0) this.#pieces = []
    this.#carried = 0
    this.#from = -1
  }
}

const nothing = Buffer.alloc(0)
