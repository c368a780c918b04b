// Base64 text: unpacks base64 that passes in pieces cut anywhere.

/** Keeps at most three characters; what is not base64 is read as Node reads it, which throws at nothing. */
export class Base64Text {
  /** Characters of a group of four that a piece's end has cut. */
  #carried = ''

  /** The bytes that can be told so far. */
  add(bytes: Buffer, start: number, end: number): Buffer {
    const text = this.#carried + bytes.toString('latin1', start, end)
    const whole = text.length - (text.length % 4)
    this.#carried = text.slice(whole)
    return Buffer.from(text.slice(0, whole), 'base64')
  }

  /** What a group without its padding still holds. */
  end(): Buffer {
    const rest = Buffer.from(this.#carried, 'base64')
    this.#carried = ''
    return rest
  }
}
