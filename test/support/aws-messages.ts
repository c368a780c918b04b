// Messages of an AWS event stream, as Bedrock writes them (smithy.io, "Event stream wire format").
import { crc32 } from 'node:zlib'

/** One message: `:event-type` and the like, and a payload. */
export function awsMessage(headers: Record<string, string>, payload: string): Buffer {
  const heads = Object.entries(headers).map(([name, value]) => textHeader(name, value))
  return awsMessageOf(Buffer.concat(heads), Buffer.from(payload))
}

/** With headers as the bytes are, under checksums that fit. */
export function awsMessageOf(headers: Buffer, payload: Buffer): Buffer {
  const prelude = Buffer.alloc(8)
  prelude.writeUInt32BE(8 + 4 + headers.length + payload.length + 4, 0)
  prelude.writeUInt32BE(headers.length, 4)
  const message = Buffer.concat([prelude, checksum(prelude), headers, payload])
  return Buffer.concat([message, checksum(message)])
}

export function awsEvent(type: string, payload: object): Buffer {
  const headers = { ':event-type': type, ':content-type': 'application/json', ':message-type': 'event' }
  return awsMessage(headers, JSON.stringify(payload))
}

/** What invoke streams wrap the model's own objects in. */
export function awsChunk(object: object): Buffer {
  return awsEvent('chunk', { bytes: Buffer.from(JSON.stringify(object)).toString('base64'), p: 'abcd' })
}

export function awsException(type: string, message: string): Buffer {
  return awsMessage({ ':exception-type': type, ':message-type': 'exception' }, JSON.stringify({ message }))
}

function textHeader(name: string, value: string): Buffer {
  const head = Buffer.alloc(1 + name.length + 3)
  head.writeUInt8(name.length, 0)
  head.write(name, 1)
  head.writeUInt8(7, 1 + name.length)
  head.writeUInt16BE(Buffer.byteLength(value), 2 + name.length)
  return Buffer.concat([head, Buffer.from(value)])
}

function checksum(bytes: Buffer): Buffer {
  const sum = Buffer.alloc(4)
  sum.writeUInt32BE(crc32(bytes))
  return sum
}
