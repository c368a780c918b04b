// An exchange: one request to a provider, and its answer as it comes in.
import type { IncomingHttpHeaders } from 'node:http'
import type { Dispatcher } from 'undici'

/** An answer that has begun. */
export interface Answer {
  readonly status: number
  /** Names in lower case. */
  readonly headers: IncomingHttpHeaders
  /**
   * Hands over the body, what has come already at once. To be called once, in the turn in which the answer began or later: until then
   * some of it is kept, and no more is read.
   */
  readTo(sink: AnswerSink): void
  /** What is on its way may still come. */
  pause(): void
  resume(): void
}

export interface AnswerSink {
  /** @param isLast whether it is known that nothing follows and the answer is whole. */
  chunk(bytes: Buffer, isLast: boolean): void
  /** Called once. @param complete whether the answer came whole. */
  end(complete: boolean): void
}

/**
 * So much of an answer is kept for a reader who does not read yet, and what one more read brings. To stop the provider at once, and
 * let it go on a moment later, cost a stream of 50 events some percent of its CPU (measured in November 2026).
 */
const earlyBytesMax = 64 * 1024
/** What a piece of an answer takes besides its bytes. */
const pieceBytes = 100

/** More of an answer is not read for the sake of its connection. */
const unwantedBytesMax = 64 * 1024

/** Reads a short body to nowhere, so that the connection can be used again. */
export class Nowhere implements AnswerSink {
  readonly #answer: Pick<Exchange, 'cancel'>
  #bytes = 0

  constructor(answer: Pick<Exchange, 'cancel'>) {
    this.#answer = answer
  }

  chunk(bytes: Buffer): void {
    this.#bytes += bytes.length
    if (this.#bytes > unwantedBytesMax) this.#answer.cancel()
  }

  end(): void {
    // Nobody waits for it.
  }
}

/** undici's handler, and the answer it is told. */
export class Exchange implements Dispatcher.DispatchHandler, Answer {
  status = 0
  headers: IncomingHttpHeaders = {}
  /**
   * Resolves when the answer has begun; rejects where none did. With nothing: a promise that was resolved with the exchange kept
   * it and the whole call until V8's next full collection (10 KB a call, a seventh of its CPU; measured in November 2026).
   */
  readonly begun: Promise<void>
  readonly #pausedMsMax: number
  #pause: NodeJS.Timeout | undefined
  readonly #begin: () => void
  readonly #fail: (error: Error) => void
  #controller: Dispatcher.DispatchController | null = null
  #isCancelled = false
  #sink: AnswerSink | null = null
  /** What came before anybody read. Null: nothing. */
  #early: Buffer[] | null = null
  #earlyBytes = 0
  /** Paused because nobody read. */
  #isFull = false
  /** Null: it goes on. */
  #complete: boolean | null = null

  /**
   * @param pausedMsMax a reader that pauses for longer gets no more: undici does not count the time of a pause.
   * @param asTold makes of undici's error, or the socket's, the one to reject with.
   */
  constructor(pausedMsMax: number, asTold: (error: Error) => Error) {
    this.#pausedMsMax = pausedMsMax
    let begin: () => void = () => undefined
    let fail: (error: Error) => void = () => undefined
    this.begun = new Promise((resolve, reject) => {
      begin = resolve
      fail = (error) => reject(asTold(error))
    })
    this.#begin = begin
    this.#fail = fail
  }

  /** Whether any of it may have reached the provider. */
  get isSent(): boolean {
    return this.#controller !== null
  }

  /** Breaks the connection off. */
  cancel(): void {
    const reason = new Error('the call was broken off')
    this.#isCancelled = true
    if (this.#controller) this.#controller.abort(reason)
    // Not on a connection yet, and it may take long to get one.
    else this.#end(false, reason)
  }

  readTo(sink: AnswerSink): void {
    this.#sink = sink
    const early = this.#early ?? []
    const ended = this.#complete
    this.#early = null
    for (let at = 0; at < early.length; at++) {
      const bytes = early[at]
      if (bytes) sink.chunk(bytes, ended === true && at === early.length - 1)
      // The reader has broken it off, and been told.
      if (this.#complete !== ended) return
    }
    if (ended !== null) sink.end(ended)
    // Unless the reader has asked for a pause of its own.
    else if (this.#isFull) this.resume()
  }

  pause(): void {
    // A pause of the reader's own has the whole of its time.
    if (this.#isFull) this.#goOn()
    this.#isFull = false
    // Of one that is over, the connection may be another's already.
    if (this.#complete !== null) return
    this.#pause ??= setTimeout(() => this.cancel(), this.#pausedMsMax)
    this.#controller?.pause()
  }

  resume(): void {
    this.#goOn()
    if (this.#complete === null) this.#controller?.resume()
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#isCancelled) controller.abort(new Error('the call was broken off'))
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    // 102 and 103 come before the answer; a 101 that nobody asked for is none, nor is what is no status at all.
    if (status > 101 && status < 200) return
    if (status < 200) {
      controller.abort(new Error(`the answer has the status ${status}`))
      return
    }
    this.status = status
    this.headers = withoutRepeats(headers)
    this.#begin()
  }

  onResponseData(_controller: Dispatcher.DispatchController, bytes: Buffer): void {
    if (this.#sink) this.#sink.chunk(bytes, false)
    else this.#keep(bytes)
  }

  onResponseEnd(): void {
    this.#end(true, null)
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    this.#end(false, error)
  }

  #keep(bytes: Buffer): void {
    this.#early ??= []
    this.#early.push(bytes)
    this.#earlyBytes += bytes.length + pieceBytes
    if (this.#earlyBytes <= earlyBytesMax) return
    this.pause()
    this.#isFull = true
  }

  #goOn(): void {
    clearTimeout(this.#pause)
    this.#pause = undefined
  }

  #end(complete: boolean, error: Error | null): void {
    if (this.#complete !== null) return
    this.#complete = complete
    this.#goOn()
    // After an answer began, its end tells.
    if (error) this.#fail(error)
    this.#sink?.end(complete)
  }
}

/** Where a header came more than once, as Node's own client has it: few count by their first, the others are lists. */
function withoutRepeats(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  for (const name in headers) {
    const value = headers[name]
    if (Array.isArray(value) && name !== 'set-cookie')
      headers[name] = firstCounts.has(name) ? value[0] : value.join(', ')
  }
  return headers
}

const firstCounts: ReadonlySet<string> = new Set([
  'age', 'content-length', 'content-type', 'etag', 'expires', 'last-modified', 'location', 'retry-after', 'server',
]) // prettier-ignore
