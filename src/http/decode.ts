// Content decoding: unpacks a copy of an answer as it passes, bounded in memory and in work.
import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
} from 'node:zlib'
import type { Transform } from 'node:stream'

export interface ByteSink {
  write(bytes: Buffer): void
  /** When all that was written has been dealt with: whether all of it could be. */
  end(): boolean | Promise<boolean>
}

export interface DecodeBounds {
  /** Packed bytes that may wait for the unpacker; an answer that outruns it by more is no longer read. Default 16 MiB. */
  waitingBytesMax?: number
  /** Unpacked bytes after which an answer is taken for a bomb and no longer read. Default 512 MiB. */
  unpackedBytesMax?: number
}

/**
 * A sink for the bytes as they came, which writes them unpacked to `sink`. An unknown encoding, broken data and a passed
 * bound are told by `end()`; none of them throws.
 *
 * @param contentEncoding the header, such as `gzip` or `gzip, br`; undefined: the bytes are not packed.
 */
export function decodeTo(sink: ByteSink, contentEncoding: string | undefined, bounds: DecodeBounds = {}): ByteSink {
  if (contentEncoding === undefined) return sink
  const encodings = contentEncoding
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && name !== 'identity')
  // RFC 9110 8.4 lists them in the order of packing; more than two is nobody's.
  if (encodings.length > 2) return new Unreadable(sink)
  return encodings.reduce<ByteSink>((inner, name) => new Unpacker(inner, name, bounds), sink)
}

class Unpacker implements ByteSink {
  readonly #sink: ByteSink
  readonly #encoding: string
  readonly #bounds: Required<DecodeBounds>
  #stream: Transform | null = null
  #first: Buffer | null = null
  #plain = false
  #failed = false
  #unpackedBytes = 0
  #done = Promise.resolve()

  constructor(sink: ByteSink, encoding: string, bounds: DecodeBounds) {
    this.#sink = sink
    this.#encoding = encoding
    this.#bounds = { waitingBytesMax: 16 * 1024 * 1024, unpackedBytesMax: 512 * 1024 * 1024, ...bounds }
  }

  write(bytes: Buffer): void {
    if (this.#failed || bytes.length === 0) return
    if (this.#plain) {
      this.#sink.write(bytes)
      return
    }
    if (this.#stream) {
      this.#pass(this.#stream, bytes)
      return
    }
    // Two bytes tell how it is packed, and whether it is packed at all.
    const start = this.#first ? Buffer.concat([this.#first, bytes]) : bytes
    if (start.length >= 2) this.#start(start)
    else this.#first = Buffer.from(start)
  }

  async end(): Promise<boolean> {
    if (!this.#stream && this.#first && !this.#plain) this.#start(this.#first)
    const stream = this.#stream
    if (stream && !this.#failed) stream.end()
    await this.#done
    const passed = await this.#sink.end()
    return passed && !this.#failed
  }

  #start(start: Buffer): void {
    this.#first = null
    const stream = unpackStream(this.#encoding, start)
    if (stream === 'plain') {
      this.#plain = true
      this.#sink.write(start)
    } else if (stream === null) this.#failed = true
    else {
      this.#stream = stream
      stream.on('data', (bytes: Buffer) => this.#unpacked(bytes))
      // A cut or broken answer: what came before the break has been read.
      stream.on('error', () => this.#fail())
      // Not `finish`: after bytes behind the packed end, zlib ends the reading side and never finishes the writing one.
      this.#done = new Promise((resolve) => {
        stream.once('end', resolve).once('close', resolve)
      })
      this.#pass(stream, start)
    }
  }

  #pass(stream: Transform, bytes: Buffer): void {
    // Copied: unpacking happens later, on another thread, and the chunk belongs to whoever wrote it.
    stream.write(Buffer.from(bytes))
    if (stream.writableLength > this.#bounds.waitingBytesMax) this.#fail()
  }

  #unpacked(bytes: Buffer): void {
    this.#unpackedBytes += bytes.length
    if (this.#unpackedBytes > this.#bounds.unpackedBytesMax) this.#fail()
    else if (!this.#failed) this.#sink.write(bytes)
  }

  #fail(): void {
    this.#failed = true
    this.#stream?.destroy()
  }
}

class Unreadable implements ByteSink {
  readonly #sink: ByteSink

  constructor(sink: ByteSink) {
    this.#sink = sink
  }

  write(): void {
    // Not read: nobody knows what it says.
  }

  async end(): Promise<boolean> {
    await this.#sink.end()
    return false
  }
}

/** A cut answer ends in the middle: what came is flushed and not an error. */
const zlibOptions = { finishFlush: constants.Z_SYNC_FLUSH }

/** `plain`: the header says packed and the bytes are not, as after a fetch that has unpacked them. Null: unknown. */
function unpackStream(encoding: string, start: Buffer): Transform | 'plain' | null {
  const [first = 0, second = 0] = start
  switch (encoding) {
    case 'gzip':
    case 'x-gzip':
      return first === 0x1f && second === 0x8b ? createGunzip(zlibOptions) : 'plain'
    case 'zstd':
      return first === 0x28 && second === 0xb5 ? createZstdDecompress({ finishFlush: constants.ZSTD_e_flush }) : 'plain'
    case 'br':
      return isPlain(start) ? 'plain' : createBrotliDecompress({ finishFlush: constants.BROTLI_OPERATION_FLUSH })
    case 'deflate':
      if (isPlain(start)) return 'plain'
      // RFC 9110 says zlib, some servers send raw deflate.
      return (first & 0x0f) === 8 && ((first << 8) | second) % 31 === 0
        ? createInflate(zlibOptions)
        : createInflateRaw(zlibOptions)
    default:
      return null
  }
}

/** The starts of JSON and of events, none of which a packer that has no magic number makes out of such a text. */
function isPlain(start: Buffer): boolean {
  return /^(?:\{|\[[[{\s"]|da|ev|id|re|: )/.test(start.toString('latin1', 0, 2))
}
