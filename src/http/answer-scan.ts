// The answer scan: finds the JSON objects of an answer, whether it is one body, an array, lines or events.
import { isSpace } from './json-bytes.ts'
import { JsonPicker, type Ending, type Picked } from './json-picker.ts'
import type { ByteSink } from './decode.ts'
import type { Picks } from './picks.ts'
import { SseSplitter } from './sse.ts'

export interface AnswerSink {
  /** One object: the body, an array's element, a line, or an event's data. */
  object(picked: Picked, ending: Ending): void
  /** Bytes of a picked text, still escaped as in JSON. */
  text: (bytes: Buffer, start: number, end: number) => void
}

/** `none`: nothing came, or nothing but white space. `other`: neither JSON nor events. */
export type AnswerForm = 'none' | 'json' | 'events' | 'other'

const byteOrderMark = [0xef, 0xbb, 0xbf] as const

/** So many events are read in full before quiet ones are passed over: they tell whose answer it is. */
const headEvents = 4

/** Tells the form by the first byte rather than by the content-type, which is often missing or wrong. */
export class AnswerScan implements ByteSink {
  readonly #picker: JsonPicker
  readonly #events: SseSplitter
  /** The header only decides where the first byte does not. */
  readonly #saidEvents: boolean
  form: AnswerForm = 'none'
  /** Whether the last object, and so the answer as far as can be seen, was closed. */
  whole = true
  /** How many objects were found. */
  objects = 0
  #objectsOfEvent = 0
  #eventBegun = false
  #mark = 0

  constructor(picks: Picks, contentType: string | undefined, sink: AnswerSink) {
    this.#saidEvents = contentType?.toLowerCase().includes('event-stream') ?? false
    this.#picker = new JsonPicker(picks.tree, {
      root: (picked, ending) => {
        this.objects++
        // Events that run into each other, without a blank line between, are no event that a client could read.
        const joined = this.form === 'events' && ++this.#objectsOfEvent > 1 && ending === 'whole'
        if (joined) this.whole = false
        sink.object(picked, joined ? 'cut' : ending)
      },
      text: (bytes, start, end) => sink.text(bytes, start, end),
    })
    this.#events = new SseSplitter({
      data: (bytes, start, end) => {
        const first = !this.#eventBegun && this.objects >= headEvents
        this.#eventBegun = true
        if (first && picks.quiet.pass(bytes, start, end, sink.text)) return
        this.#picker.feed(bytes, start, end)
      },
      eventEnd: (terminated) => {
        if (!this.#picker.close(terminated ? 'broken' : 'cut')) this.whole = false
        this.#objectsOfEvent = 0
        this.#eventBegun = false
      },
    })
  }

  write(bytes: Buffer): void {
    let rest = bytes
    if (this.form === 'none') {
      const start = this.#start(bytes)
      if (start === bytes.length) return
      rest = bytes.subarray(start)
      this.form = this.#formOf(bytes[start] ?? 0)
    }
    if (this.form === 'events') this.#events.write(rest)
    else if (this.form === 'json') this.#picker.feed(rest, 0, rest.length)
  }

  end(): Promise<boolean> {
    if (this.form === 'events') this.#events.end()
    else if (this.form === 'json' && !this.#picker.close('cut')) this.whole = false
    return Promise.resolve(true)
  }

  /** The index of the first byte that is neither of a byte order mark nor white space. */
  #start(bytes: Buffer): number {
    let at = 0
    for (; at < bytes.length; at++) {
      const byte = bytes[at] ?? 0
      if (this.#mark < byteOrderMark.length && byte === byteOrderMark[this.#mark]) this.#mark++
      else if (!isSpace(byte)) break
    }
    return at
  }

  #formOf(first: number): AnswerForm {
    const character = String.fromCharCode(first)
    if (character === '{' || character === '[') return 'json'
    // data, event, id, retry, or a comment
    return this.#saidEvents || 'deir:'.includes(character) ? 'events' : 'other'
  }
}
