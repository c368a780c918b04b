// The token estimate: about how many tokens a text has, from its shape, without a vocabulary.

/** What one character is to a tokenizer of the o200k kind, which splits text by class before it merges bytes. */
const [blank, newline, lower, upper, digit, mark] = [0, 1, 2, 3, 4, 5] as const
/** Room for all of them, as a power of two. */
const kinds = 8

const asciiKinds = Uint8Array.from({ length: 128 }, (_, code) => {
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
  /** The place in the text. */
  #place: number = places.start
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
    this.#place = places.start
    this.#escape = 0
    this.#hex = 0
  }

  addText(text: string, start = 0, end = text.length): void {
    // In variables of its own: a field would be written and read again with every character.
    let tokens = this.#tokens
    let place = this.#place
    for (let at = start; at < end; at++) {
      const code = text.charCodeAt(at)
      if (code < 0x80) {
        const step = place * kinds + (asciiKinds[code] ?? mark)
        tokens += costs[step] ?? 0
        place = nexts[step] ?? 0
        continue
      }
      this.#tokens = tokens
      this.#place = place
      this.#addForeign(code)
      tokens = this.#tokens
      place = this.#place
    }
    this.#tokens = tokens
    this.#place = place
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
    const step = this.#place * kinds + (asciiKinds[code] ?? mark)
    this.#tokens += costs[step] ?? 0
    this.#place = nexts[step] ?? places.start
  }

  #addForeign(code: number): void {
    const place = this.#place
    if (code < 0x250) {
      // Accented letters: vocabularies know fewer such words.
      const run = runOfLetters(place)
      this.#tokens += run === 0 ? 1 : 0.3
      this.#place = places.lower + Math.min(run, longWord)
      return
    }
    const first = place !== places.script
    this.#place = places.script
    if (code < 0x900) this.#tokens += first ? 1 : 0.22
    else if (code < 0x2000) this.#tokens += 0.45
    else if (code < 0x2e80) this.#tokens += 1
    else if (code < 0xd800 || code >= 0xe000) this.#tokens += 0.75
    // The first half of a surrogate pair stands for both.
    else if (code < 0xdc00) this.#tokens += 1.6
  }
}

/** Beyond so many letters a word costs more with each. */
const longWord = 6

/** Where in a text one can be: behind its start, so many blanks, a line's end, so many letters or digits, marks, other scripts. */
const places = {
  start: 0,
  blank: 1,
  blanks: 2,
  newline: 3,
  mark: 4,
  script: 5,
  /** One digit of three, two, all. */
  digit: 6,
  /** One letter, and so on up to a long word's. */
  lower: 9,
  upper: 10 + longWord,
  end: 11 + 2 * longWord,
} as const

/** How many letters of a word stand before, as far as that matters. */
function runOfLetters(place: number): number {
  if (place >= places.upper) return place - places.upper + 1
  return place >= places.lower ? place - places.lower + 1 : 0
}

const costs = new Float64Array(places.end * kinds)
const nexts = new Uint8Array(places.end * kinds)

for (let place = 0; place < places.end; place++)
  for (const kind of [blank, newline, lower, upper, digit, mark]) {
    const [cost, next] = stepOf(place, kind)
    costs[place * kinds + kind] = cost
    nexts[place * kinds + kind] = next
  }

/** What a character adds behind a place, and the place behind it. */
function stepOf(
  place: number,
  kind: typeof blank | typeof newline | typeof lower | typeof upper | typeof digit | typeof mark,
): [cost: number, next: number] {
  switch (kind) {
    case lower:
    case upper: {
      // A word costs one, and long ones more; a capital inside a word begins another.
      const goesOn = kind === lower || place >= places.upper
      const run = goesOn ? runOfLetters(place) : 0
      const first = kind === lower ? places.lower : places.upper
      return [run === 0 ? 1 : run >= longWord ? 0.12 : 0, first + Math.min(run, longWord)]
    }
    case digit: {
      // Three are one token, and a number behind a blank does not take that in.
      const isFirst = place < places.digit || place >= places.lower
      if (isFirst) return [place === places.blank || place === places.blanks ? 1.6 : 1, places.digit]
      const before = place - places.digit + 1
      return [before === 3 ? 1 : 0, places.digit + (before % 3)]
    }
    case mark:
      return [place === places.mark ? 0.25 : 1, places.mark]
    case newline:
      // Line ends merge with the marks before them and with each other.
      return [place === places.mark || place === places.newline ? 0 : 1, places.newline]
    case blank:
      // One blank belongs to the word that follows it; more are a token of their own.
      if (place === places.blanks) return [0, places.blanks]
      return place === places.blank ? [1, places.blanks] : [0, places.blank]
  }
}
