// The JSON picker: takes named values out of JSON as its bytes pass, without keeping or parsing the rest.
import { closingQuote, colon, comma, isDelimiter, isEscaped, isSpace, quote } from './json-bytes.ts'
import { KeptBytes, listMax, listValueBytesMax } from './kept-bytes.ts'
import { childOf, isEntered, isKept, type PickNode } from './pick-paths.ts'
import { RepeatedValues } from './repeated-values.ts'

/** By path. Used again for the next object, so it is read at once. */
export type Picked = ReadonlyMap<string, unknown>

/** `whole`: the object was closed. `cut`: the bytes ended inside it. `broken`: it was said to be complete, and is not. */
export type Ending = 'whole' | 'cut' | 'broken'

export interface PickSink {
  /** One JSON object of the outermost level, or an element of an outermost array. */
  root(picked: Picked, ending: Ending): void
  /** Bytes of a picked text, still escaped as in JSON. */
  text(bytes: Buffer, start: number, end: number): void
}

/** Arrays in arrays that lead to a picked value: no provider nests them, so deeper ones are passed over. */
const nestingMax = 32

type Use = 'nothing' | 'key' | 'value' | 'text'

/**
 * A scanner of one pass, in constant memory, that never throws. It looks only at nesting and strings, so hostile depth
 * costs a counter and no stack.
 *
 * @example
 * const sink = { root: (picked) => console.log(picked.get('usage')), text: () => {} }
 * const picker = new JsonPicker(pickTree({ usage: 'value' }), sink)
 * picker.feed(bytes, 0, bytes.length)
 * picker.close('cut')
 */
export class JsonPicker {
  readonly #tree: PickNode
  readonly #sink: PickSink
  readonly #picked = new Map<string, unknown>()
  readonly #kept = new KeptBytes()
  readonly #values = new RepeatedValues()

  /** The containers that are open around the innermost one, all leading to a picked value. */
  #outer: { node: PickNode | null; array: boolean }[] = []
  /** The innermost open container; null outside of all. */
  #node: PickNode | null = null
  #array = false
  #rootOpen = false
  #atKey = false
  /** The node of the value that comes next; null when nothing in it is wanted. */
  #next: PickNode | null
  /** Open brackets of a container that is not looked into. */
  #skipDepth = 0
  #inString = false
  #inScalar = false
  /** The last byte was a backslash in a string. */
  #escaped = false
  /** What the string, literal or container that is passing is for. */
  #use: Use = 'nothing'

  constructor(tree: PickNode, sink: PickSink) {
    this.#tree = tree
    this.#next = tree
    this.#sink = sink
  }

  feed(bytes: Buffer, start: number, end: number): void {
    if (this.#use === 'value' || this.#use === 'key') this.#kept.begin(start)
    let at = start
    while (at < end) {
      if (this.#skipDepth > 0) at = this.#passContainer(bytes, at, end)
      else if (this.#inString) at = this.#passString(bytes, at, end)
      else at = this.#passStructure(bytes, at, end)
    }
    if (this.#kept.open) this.#kept.carry(bytes, end)
  }

  /**
   * Ends the text: an object that is still open is handed over as far as it got.
   *
   * @returns whether nothing was open.
   */
  close(ending: Exclude<Ending, 'whole'>): boolean {
    const open = this.#node !== null || this.#inString || this.#skipDepth > 0
    if (this.#rootOpen) this.#sink.root(this.#picked, ending)
    if (!open) return true
    this.#outer = []
    this.#node = null
    this.#array = this.#rootOpen = this.#atKey = this.#inString = this.#inScalar = this.#escaped = false
    this.#skipDepth = 0
    this.#use = 'nothing'
    this.#kept.drop()
    this.#next = this.#tree
    return false
  }

  /** Brackets, commas, colons, literals and white space, up to a string or a container that is passed over. */
  #passStructure(bytes: Buffer, from: number, end: number): number {
    for (let at = from; at < end; at++) {
      const byte = bytes[at] ?? 0
      if (this.#inScalar && isDelimiter(byte)) {
        this.#inScalar = false
        this.#take(bytes, at)
      }
      if (byte === quote) {
        this.#openString(at)
        return at + 1
      }
      if (byte === colon) this.#atKey = false
      else if (byte === comma) this.#expect()
      else if (byte === 0x7d || byte === 0x5d) this.#closeContainer()
      else if (byte === 0x7b || byte === 0x5b) {
        this.#openContainer(byte === 0x5b, at)
        if (this.#skipDepth > 0) return at + 1
      } else if (this.#next !== null && !this.#inScalar && !isSpace(byte)) this.#openScalar(this.#next, at)
    }
    return end
  }

  #openScalar(node: PickNode, at: number): void {
    if (this.#atKey || !isKept(node)) return
    this.#inScalar = true
    this.#use = 'value'
    this.#kept.begin(at)
  }

  #openString(at: number): void {
    this.#inString = true
    if (this.#atKey) {
      this.#use = 'key'
      this.#kept.begin(at + 1)
    } else if (this.#next === null) this.#use = 'nothing'
    else if (this.#next.kind === 'text') this.#use = 'text'
    else if (this.#next.kind === 'count') this.#count(this.#next)
    else if (isKept(this.#next)) {
      this.#use = 'value'
      this.#kept.begin(at)
    }
  }

  #passString(bytes: Buffer, from: number, end: number): number {
    const close = this.#stringEnd(bytes, from, end)
    const inside = this.#skipDepth > 0
    if (this.#use === 'text' && !inside) this.#sink.text(bytes, from, close)
    if (close === end) return end
    this.#inString = false
    if (inside) return close + 1
    if (this.#use === 'key') {
      this.#kept.end(bytes, close)
      this.#next = this.#node && childOf(this.#node, this.#kept.bytes, this.#kept.start, this.#kept.stop)
    } else if (this.#use === 'value') this.#take(bytes, close + 1)
    this.#use = 'nothing'
    return close + 1
  }

  /** The index of the closing quote, or `end`. */
  #stringEnd(bytes: Buffer, from: number, end: number): number {
    const start = this.#escaped ? from + 1 : from
    const close = closingQuote(bytes, start, end)
    this.#escaped = close === end && isEscaped(bytes, start, end)
    return close
  }

  #openContainer(array: boolean, at: number): void {
    const node = this.#atKey ? null : this.#next
    if (node?.kind === 'count' && !array) this.#count(node)
    if (node === null || !isEntered(node, array) || this.#outer.length === nestingMax) {
      this.#skipDepth = 1
      this.#use = node?.kind === 'text' ? 'text' : node && isKept(node) ? 'value' : 'nothing'
      if (this.#use === 'value') this.#kept.begin(at)
      return
    }
    this.#outer.push({ node: this.#node, array: this.#array })
    this.#node = node
    this.#array = array
    if (node === this.#tree && !array) {
      this.#picked.clear()
      this.#rootOpen = true
    }
    this.#expect()
  }

  #passContainer(bytes: Buffer, from: number, end: number): number {
    let at = from
    while (at < end && this.#skipDepth > 0) {
      if (this.#inString) {
        at = this.#passString(bytes, at, end)
        continue
      }
      const byte = bytes[at++] ?? 0
      // `[` and `{`, `]` and `}` differ in one bit.
      const bracket = byte & 0xdf
      if (byte === quote) this.#inString = true
      else if (bracket === 0x5b) this.#skipDepth++
      else if (bracket === 0x5d) this.#skipDepth--
    }
    if (this.#use === 'text') this.#sink.text(bytes, from, at)
    if (this.#skipDepth === 0) {
      if (this.#use === 'value') this.#take(bytes, at)
      this.#use = 'nothing'
    }
    return at
  }

  #closeContainer(): void {
    if (this.#node === this.#tree && !this.#array) {
      this.#rootOpen = false
      this.#sink.root(this.#picked, 'whole')
    }
    const outer = this.#outer.pop()
    this.#node = outer?.node ?? null
    this.#array = outer?.array ?? false
    this.#atKey = false
    this.#next = this.#node === null ? this.#tree : null
  }

  /** Sets what the innermost open container waits for. */
  #expect(): void {
    this.#atKey = this.#node !== null && !this.#array
    if (this.#node === null) this.#next = this.#tree
    else this.#next = this.#array ? this.#node : null
  }

  #count({ path }: PickNode): void {
    const before = this.#picked.get(path)
    this.#picked.set(path, typeof before === 'number' ? before + 1 : 1)
  }

  #take(bytes: Buffer, end: number): void {
    this.#use = 'nothing'
    this.#kept.end(bytes, end)
    const node = this.#next
    if (node?.kind === 'list' && this.#kept.length > listValueBytesMax) return
    const value = node && this.#values.parse(node.index, this.#kept)
    // null says as little as silence, and must not hide what was said before.
    if (node === null || value === undefined || value === null) return
    if (node.kind !== 'list') {
      this.#picked.set(node.path, value)
      return
    }
    const list = this.#picked.get(node.path)
    if (!Array.isArray(list)) this.#picked.set(node.path, [value])
    else if (list.length < listMax) list.push(value)
  }
}
