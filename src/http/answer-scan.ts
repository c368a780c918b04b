// The answer scan: finds the JSON objects of an answer, whether it is one body, an array, lines or events.
import { Base64Text } from './base64-text.ts'
import type { ByteSink } from './decode.ts'
import { EventStreamSplitter } from './event-stream.ts'
import { isSpace } from './json-bytes.ts'
import { JsonPicker, type Ending, type Picked } from './json-picker.ts'
import { pickTree } from './pick-paths.ts'
import type { Picks } from './picks.ts'
import { SseSplitter } from './sse.ts'

export interface AnswerSink {
  /** One object: the body, an array's element, a line, or an event's data. */
  object(picked: Picked, ending: Ending): void
  /** Bytes of a picked text, still escaped as in JSON. */
  text: (bytes: Buffer, start: number, end: number) => void
  /** The stream itself says that something went wrong (an exception message of an AWS event stream). */
  failure(reason: string): void
}

/** `none`: nothing came, or nothing but white space. `messages`: an AWS event stream. `other`: none of these. */
export type AnswerForm = 'none' | 'json' | 'events' | 'messages' | 'other'

/** Bedrock's invoke streams wrap each object of the model's own format: `{"bytes":"<base64>"}`. */
const wrapping = pickTree({ bytes: 'text' })

const byteOrderMark = [0xef, 0xbb, 0xbf] as const

/** So many events are read in full before quiet ones are passed over: they tell whose answer it is. */
const headEvents = 4

/** Tells the form by the first byte rather than by the content-type, which is often missing or wrong. */
export class AnswerScan implements ByteSink {
  readonly #sink: AnswerSink
  readonly #picker: JsonPicker
  readonly #events: SseSplitter
  readonly #messages: EventStreamSplitter
  /** The header only decides where the first byte does not. */
  readonly #contentType: string
  form: AnswerForm = 'none'
  /** Whether the last object, and so the answer as far as can be seen, was closed. */
  whole = true
  /** How many objects were found. */
  objects = 0
  #objectsOfEvent = 0
  #eventBegun = false
  #mark = 0
  /** The object of a message that has not ended. */
  #unsettled: Picked | null = null

  constructor(picks: Picks, contentType: string | undefined, sink: AnswerSink) {
    this.#sink = sink
    this.#contentType = contentType?.toLowerCase() ?? ''
    this.#picker = new JsonPicker(picks.tree, {
      root: (picked, ending) => {
        this.objects++
        // A message counts when its checksum has come.
        if (this.form === 'messages' && ending === 'whole') {
          this.#unsettled = picked
          return
        }
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
    this.#messages = this.#splitMessages()
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
    else if (this.form === 'messages') this.#messages.write(rest)
    else if (this.form === 'json') this.#picker.feed(rest, 0, rest.length)
  }

  end(): Promise<boolean> {
    if (this.form === 'events') this.#events.end()
    else if (this.form === 'messages') {
      const ended = this.#messages.end()
      if (!this.#picker.close('cut') || !ended) this.whole = false
      this.#settle('cut')
    } else if (this.form === 'json' && !this.#picker.close('cut')) this.whole = false
    return Promise.resolve(true)
  }

  #splitMessages(): EventStreamSplitter {
    const base64 = new Base64Text()
    const inner = (bytes: Buffer) => this.#picker.feed(bytes, 0, bytes.length)
    const wrapper = new JsonPicker(wrapping, {
      root: () => inner(base64.end()),
      text: (bytes, start, end) => inner(base64.add(bytes, start, end)),
    })
    let wrapped = false
    return new EventStreamSplitter({
      message: ({ messageType, eventType }) => {
        wrapped = eventType === 'chunk'
        if (messageType !== 'event') this.#sink.failure(eventType === '' ? messageType : eventType)
      },
      data: (bytes, start, end) => (wrapped ? wrapper : this.#picker).feed(bytes, start, end),
      messageEnd: () => {
        wrapper.close('broken')
        if (!this.#picker.close('broken')) this.whole = false
        this.#settle('whole')
      },
    })
  }

  #settle(ending: Ending): void {
    if (this.#unsettled) this.#sink.object(this.#unsettled, ending)
    this.#unsettled = null
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
    // Sound may begin with any byte.
    if (/^(?:audio|image|video)\//.test(this.#contentType)) return 'other'
    if (first === 0 || this.#contentType.includes('vnd.amazon.eventstream')) return 'messages'
    const character = String.fromCharCode(first)
    if (character === '{' || character === '[') return 'json'
    // data, event, id, retry, or a comment
    return this.#contentType.includes('event-stream') || 'deir:'.includes(character) ? 'events' : 'other'
  }
}
