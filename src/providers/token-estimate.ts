// The token estimate: about how many tokens a text has, from its shape, without a vocabulary.

/** What one character is to a tokenizer of the o200k kind, which splits text by class before it merges bytes. */
type CharacterClass = 0 | 1 | 2 | 3 | 4 | 5 | 6
const [blank, newline, lower, upper, digit, mark, script] = [0, 1, 2, 3, 4, 5, 6] as const

const asciiClasses: readonly CharacterClass[] = Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code)
  if (character === '\n' || character === '\r') return newline
  if (/\s/.test(character)) return blank
  if (/[a-z]/.test(character)) return lower
  if (/[A-Z]/.test(character)) return upper
  return /[0-9]/.test(character) ? digit : mark
})

const exactBytesMax = 4096
const samples = 16
const sampleBytes = 128

/**
 * Counts text as it comes, in pieces cut anywhere, in constant memory. Measured against o200k on recorded answers it stays
 * within a quarter for prose, code and JSON.
 */
export class TokenEstimate {
  #tokens = 0
  #last: CharacterClass = newline
  /** Characters of the present word, number or run of marks. */
  #run = 0
  /** State of a JSON escape that is cut by a piece's end: 0 none, 1 after the backslash, 2 to 5 its hex digits. */
  #escape = 0
  #hex = 0

  /** Rounded to a whole number. */
  get tokens(): number {
    return Math.round(this.#tokens)
  }

  /** As new, for another text. */
  restart(): void {
    this.#tokens = 0
    this.#last = newline
    this.#run = 0
    this.#escape = 0
    this.#hex = 0
  }

  addText(text: string, start = 0, end = text.length): void {
    for (let at = start; at < end; at++) this.#add(text.charCodeAt(at))
  }

  /** The inside of a JSON string, escapes and all, as UTF-8. A long piece is judged by samples. */
  addJsonBytes(bytes: Uint8Array, start: number, end: number): void {
    if (end - start <= exactBytesMax) {
      this.#addEachByte(bytes, start, end)
      return
    }
    // The first and the last of it are counted as they are: what goes on in the next piece goes on from there.
    const between = end - start - 2 * sampleBytes
    const before = this.#tokens
    this.#addEachByte(bytes, start, start + sampleBytes)
    for (let sample = 1; sample < samples - 1; sample++) {
      const from = start + Math.floor((sample * between) / (samples - 1))
      this.#addEachByte(bytes, from, from + sampleBytes)
    }
    const seen = sampleBytes * (samples - 1)
    this.#tokens = before + ((this.#tokens - before) * (end - start - sampleBytes)) / seen
    this.#escape = 0
    this.#addEachByte(bytes, end - sampleBytes, end)
  }

  #addEachByte(bytes: Uint8Array, start: number, end: number): void {
    for (let at = start; at < end; at++) {
      const byte = bytes[at] ?? 0
      if (this.#escape > 0) this.#unescape(byte)
      else if (byte === 0x5c) this.#escape = 1
      else if (byte < 0x80) this.#add(byte)
      // The first byte of a character tells enough; those that follow it add nothing.
      else if (byte >= 0xf0) this.#add(0xd83d)
      else if (byte >= 0xe0) this.#add((byte & 0x0f) << 12 || 0x0900)
      else if (byte >= 0xc0) this.#add((byte & 0x1f) << 6)
    }
  }

  #unescape(byte: number): void {
    if (this.#escape > 1) {
      this.#hex = this.#hex * 16 + (Number.parseInt(String.fromCharCode(byte), 16) || 0)
      if (++this.#escape < 6) return
      this.#add(this.#hex)
    } else if (byte === 0x75) {
      this.#escape = 2
      this.#hex = 0
      return
    } else this.#add(byte === 0x6e || byte === 0x72 ? 0x0a : byte === 0x74 ? 0x09 : byte)
    this.#escape = 0
  }

  #add(code: number): void {
    if (code >= 0x80) {
      this.#addForeign(code)
      return
    }
    const kind = asciiClasses[code] ?? mark
    const last = this.#last
    this.#last = kind
    this.#run = kind === last || (kind === lower && last === upper) ? this.#run + 1 : 1
    switch (kind) {
      case lower:
      case upper:
        // A word costs one, and long ones more; a capital inside a word begins another.
        if (this.#run === 1) this.#tokens += 1
        else if (this.#run > 6) this.#tokens += 0.12
        break
      case digit:
        if (this.#run % 3 === 1) this.#tokens += this.#run === 1 && last === blank ? 1.6 : 1
        break
      case mark:
        this.#tokens += this.#run === 1 ? 1 : 0.25
        break
      case newline:
        // Line ends merge with the marks before them and with each other.
        if (this.#run === 1 && last !== mark) this.#tokens += 1
        break
      case blank:
        // One blank belongs to the word that follows it; more are a token of their own.
        if (this.#run === 2) this.#tokens += 1
    }
  }

  #addForeign(code: number): void {
    if (code < 0x250) {
      // Accented letters: vocabularies know fewer such words.
      this.#run = this.#last === lower || this.#last === upper ? this.#run + 1 : 1
      this.#tokens += this.#run === 1 ? 1 : 0.3
      this.#last = lower
      return
    }
    const first = this.#last !== script
    this.#last = script
    this.#run = first ? 1 : this.#run + 1
    if (code < 0x900) this.#tokens += first ? 1 : 0.22
    else if (code < 0x2000) this.#tokens += 0.45
    else if (code < 0x2e80) this.#tokens += 1
    else if (code < 0xd800 || code >= 0xe000) this.#tokens += 0.75
    // The first half of a surrogate pair stands for both.
    else if (code < 0xdc00) this.#tokens += 1.6
  }
}
