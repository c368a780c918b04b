// The answer scan: finds the JSON objects of an answer, whether it is one body, an array, lines or events.
import { Base64Text } from './base64-text.ts'
import type { ByteSink } from './decode.ts'
import { EventStreamSplitter } from './event-stream.ts'
import { jsonOf } from './body.ts'
import { isSpace } from './json-bytes.ts'
import { JsonPicker, type Ending, type Picked } from './json-picker.ts'
import { pickValues } from './json-values.ts'
import { pickTree } from './pick-paths.ts'
import type { Picks } from './picks.ts'
import { QuietPassage } from './quiet-event.ts'
import { SseSplitter } from './sse.ts'

export interface AnswerSink {
  /** One object: the body, an array's element, a line, or an event's data. */
  object(picked: Picked, ending: Ending): void
  /** Bytes of a picked text, still escaped as in JSON. */
  text(bytes: Buffer, start: number, end: number): void
  /** A picked text of a body that came whole. */
  string(text: string): void
  /** The stream itself says that something went wrong (an exception message of an AWS event stream). */
  failure(reason: string): void
}

/** Takes a form apart. */
interface Splitter {
  write(bytes: Buffer): void
  /** @returns whether nothing was open. */
  end(): boolean
}

/** `none`: nothing came, or nothing but white space. `messages`: an AWS event stream. `other`: none of these. */
export type AnswerForm = 'none' | 'json' | 'events' | 'messages' | 'other'

/** Bedrock's invoke streams wrap each object of the model's own format: `{"bytes":"<base64>"}`. */
const wrapping = pickTree({ bytes: 'text' })

const byteOrderMark = [0xef, 0xbb, 0xbf] as const

/** So many events that differ are read in full before quiet ones are passed over: they tell whose answer it is. */
const headEvents = 4

/** A larger body is not parsed at once, which would keep all of it twice. */
const wholeBytesMax = 64 * 1024

export interface AnswerShape {
  contentType: string | undefined
  /** How many bytes will come; null: nobody knows, or they are packed. */
  bytesExpected: number | null
}

/** Tells the form by the first byte rather than by the content-type, which is often missing or wrong. */
export class AnswerScan implements ByteSink {
  readonly #picks: Picks
  readonly #sink: AnswerSink
  /** The header only decides where the first byte does not. */
  readonly #contentType: string
  readonly #bytesExpected: number | null
  form: AnswerForm = 'none'
  /** Whether the last object, and so the answer as far as can be seen, was closed. */
  whole = true
  /** How many objects were found. */
  objects = 0
  /** How many of the first bytes of the last chunk are whole events that carry text and nothing else that is picked. */
  quietBytes = 0
  /** Made when the form is known; null: nothing is left to be looked at. */
  #splitter: Splitter | null = null
  #mark = 0

  constructor(picks: Picks, { contentType, bytesExpected }: AnswerShape, sink: AnswerSink) {
    this.#picks = picks
    this.#sink = sink
    this.#contentType = contentType?.toLowerCase() ?? ''
    this.#bytesExpected = bytesExpected
  }

  write(bytes: Buffer): void {
    let rest = bytes
    this.quietBytes = 0
    if (this.form === 'none') {
      const start = this.#start(bytes)
      if (start === bytes.length) return
      if (start > 0) rest = bytes.subarray(start)
      this.form = this.#formOf(bytes[start] ?? 0)
      if (this.form === 'json' && bytes.length === this.#bytesExpected && this.#readWhole(rest)) return
      this.#splitter = this.#splitterFor(this.form)
    }
    this.#splitter?.write(rest)
    // They were counted from behind a byte order mark.
    if (rest !== bytes) this.quietBytes = 0
  }

  end(): boolean {
    if (this.#splitter && !this.#splitter.end()) this.whole = false
    return true
  }

  /** False: the body has to be walked through, and nothing of it was handed over. */
  #readWhole(bytes: Buffer): boolean {
    if (bytes.length > wholeBytesMax) return false
    const value = jsonOf(bytes)
    const found = value === undefined ? null : pickValues(value, this.#picks.tree)
    if (!found) return false
    for (const text of found.texts) this.#sink.string(text)
    for (const picked of found.roots) {
      this.objects++
      this.#sink.object(picked, 'whole')
    }
    return true
  }

  #splitterFor(form: AnswerForm): Splitter | null {
    if (form === 'events') return this.#splitEvents()
    if (form === 'messages') return this.#splitMessages()
    if (form !== 'json') return null
    const picker = this.#picker((picked, ending) => this.#sink.object(picked, ending))
    return { write: (bytes) => picker.feed(bytes, 0, bytes.length), end: () => picker.close('cut') }
  }

  #picker(root: (picked: Picked, ending: Ending) => void): JsonPicker {
    return new JsonPicker(this.#picks.tree, {
      root: (picked, ending) => {
        this.objects++
        root(picked, ending)
      },
      text: this.#text(),
    })
  }

  #text(): (bytes: Buffer, start: number, end: number) => void {
    const sink = this.#sink
    return (bytes, start, end) => sink.text(bytes, start, end)
  }

  #splitEvents(): Splitter {
    const passage = new QuietPassage(this.#picks.quiet, this.#text())
    let objectsOfEvent = 0
    const picker = this.#picker((picked, ending) => {
      // Events that run into each other, without a blank line between, are no event that a client could read.
      const joined = ++objectsOfEvent > 1 && ending === 'whole'
      if (joined) this.whole = false
      this.#sink.object(picked, joined ? 'cut' : ending)
    })
    const events = new SseSplitter({
      begin: (bytes, at) => {
        const end = passage.pass(bytes, at, this.objects < headEvents)
        if (at === this.quietBytes) this.quietBytes = Math.max(at, passage.quietEnd)
        return end
      },
      data: (bytes, start, end) => picker.feed(bytes, start, end),
      eventEnd: (terminated) => {
        if (!picker.close(terminated ? 'broken' : 'cut')) this.whole = false
        objectsOfEvent = 0
      },
    })
    return {
      write: (bytes) => {
        events.write(bytes)
        passage.close()
      },
      end: () => {
        events.end()
        return true
      },
    }
  }

  #splitMessages(): Splitter {
    /** The object of a message that has not ended: it counts when the message's checksum has come. */
    let unsettled: Picked | null = null
    const picker = this.#picker((picked, ending) => {
      if (ending === 'whole') unsettled = picked
      else this.#sink.object(picked, ending)
    })
    const settle = (ending: Ending) => {
      if (unsettled) this.#sink.object(unsettled, ending)
      unsettled = null
    }
    const base64 = new Base64Text()
    const inner = (bytes: Buffer) => picker.feed(bytes, 0, bytes.length)
    const wrapper = new JsonPicker(wrapping, {
      root: () => inner(base64.end()),
      text: (bytes, start, end) => inner(base64.add(bytes, start, end)),
    })
    let wrapped = false
    const messages = new EventStreamSplitter({
      message: ({ messageType, eventType }) => {
        wrapped = eventType === 'chunk'
        if (messageType !== 'event') this.#sink.failure(eventType === '' ? messageType : eventType)
      },
      data: (bytes, start, end) => (wrapped ? wrapper : picker).feed(bytes, start, end),
      messageEnd: () => {
        wrapper.close('broken')
        if (!picker.close('broken')) this.whole = false
        settle('whole')
      },
    })
    return {
      write: (bytes) => messages.write(bytes),
      end() {
        const ended = messages.end()
        const closed = picker.close('cut')
        settle('cut')
        return ended && closed
      },
    }
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
