// AWS event streams (application/vnd.amazon.eventstream): finds the payload of each message in chunks that are cut anywhere.
import { crc32 } from 'node:zlib'

export interface EventStreamSink {
  /** A message begins; its payload follows. */
  message(head: MessageHead): void
  /** A piece of the payload, in place. */
  data(bytes: Buffer, start: number, end: number): void
  messageEnd(): void
}

/** Empty where a message does not say it. */
export interface MessageHead {
  /** `event`, `exception` or `error`. */
  messageType: string
  /** `chunk`, `contentBlockDelta`, `metadata`, …; of an exception its name, such as `throttlingException`. */
  eventType: string
}

/** Total length, length of the headers, and the checksum of both (smithy.io, "Event stream wire format"). */
const preludeBytes = 12
const checksumBytes = 4
/** The format's own bound. */
const headersBytesMax = 128 * 1024

type Part = 'prelude' | 'headers' | 'payload' | 'checksum' | 'lost'

/**
 * Keeps one message's headers at most; payloads of any size pass. Once a prelude does not match its checksum nothing tells
 * where the next message begins, and the rest is passed over.
 */
export class EventStreamSplitter {
  readonly #sink: EventStreamSink
  #part: Part = 'prelude'
  /** The bytes of the present prelude or headers, as far as they have come. */
  #held = Buffer.alloc(preludeBytes)
  /** How many bytes of the present part are still to come. */
  #missing = preludeBytes
  #payloadBytes = 0

  constructor(sink: EventStreamSink) {
    this.#sink = sink
  }

  write(bytes: Buffer): void {
    let at = 0
    while (at < bytes.length) {
      const end = Math.min(bytes.length, at + this.#missing)
      if (this.#part === 'payload') this.#sink.data(bytes, at, end)
      else if (this.#part === 'prelude' || this.#part === 'headers')
        bytes.copy(this.#held, this.#held.length - this.#missing, at, end)
      this.#missing -= end - at
      at = end
      while (this.#missing === 0) this.#next()
    }
  }

  /** @returns whether the last message was whole. */
  end(): boolean {
    return this.#part === 'prelude' && this.#missing === preludeBytes
  }

  /** The present part is complete. */
  #next(): void {
    if (this.#part === 'prelude') this.#beginMessage()
    else if (this.#part === 'headers') {
      this.#sink.message(headOf(this.#held))
      this.#await('payload', this.#payloadBytes)
    } else if (this.#part === 'payload') this.#await('checksum', checksumBytes)
    else {
      this.#sink.messageEnd()
      this.#held = Buffer.alloc(preludeBytes)
      this.#await('prelude', preludeBytes)
    }
  }

  #beginMessage(): void {
    const prelude = this.#held
    const headersBytes = prelude.readUInt32BE(4)
    this.#payloadBytes = prelude.readUInt32BE(0) - headersBytes - preludeBytes - checksumBytes
    const known = crc32(prelude.subarray(0, 8)) === prelude.readUInt32BE(8)
    if (!known || this.#payloadBytes < 0 || headersBytes > headersBytesMax) {
      this.#await('lost', Infinity)
      return
    }
    this.#held = Buffer.alloc(headersBytes)
    this.#await('headers', headersBytes)
  }

  #await(part: Part, bytes: number): void {
    this.#part = part
    this.#missing = bytes
  }
}

/** Bytes of the values of fixed length, by type: true, false, byte, short, integer, long; 8 is a timestamp, 9 a UUID. */
const fixedBytes: readonly (number | undefined)[] = [0, 0, 1, 2, 4, 8, undefined, undefined, 8, 16]
const textType = 7

function headOf(headers: Buffer): MessageHead {
  const texts = new Map<string, string>()
  let at = 0
  while (at < headers.length) {
    const nameEnd = at + 1 + headers.readUInt8(at)
    const type = headers[nameEnd] ?? 0
    let start = nameEnd + 1
    let bytes = fixedBytes[type]
    if (bytes === undefined) {
      if (start + 2 > headers.length) break
      bytes = headers.readUInt16BE(start)
      start += 2
    }
    if (type === textType) texts.set(headers.toString('utf8', at + 1, nameEnd), headers.toString('utf8', start, start + bytes)) // prettier-ignore
    at = start + bytes
  }
  return {
    messageType: texts.get(':message-type') ?? '',
    eventType: texts.get(':event-type') ?? texts.get(':exception-type') ?? texts.get(':error-code') ?? '',
  }
}
