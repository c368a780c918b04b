import { randomBytes } from 'node:crypto'
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { decodeTo, type DecodeBounds } from '../../src/http/decode.ts'
import { cutEvery } from '../support/cut.ts'

const text = JSON.stringify({ text: 'é😀'.repeat(5_000), usage: { total_tokens: 7 } })
const plain = Buffer.from(text)

async function unpack(chunks: readonly Buffer[], encoding: string | undefined, bounds?: DecodeBounds) {
  const seen: Buffer[] = []
  const sink = decodeTo(
    { write: (bytes) => void seen.push(Buffer.from(bytes)), end: () => Promise.resolve(true) },
    encoding,
    bounds,
  )
  for (const chunk of chunks) sink.write(chunk)
  const readable = await sink.end()
  return { readable, text: Buffer.concat(seen).toString('utf8') }
}

const packed: Record<string, Buffer> = {
  gzip: gzipSync(plain),
  'x-gzip': gzipSync(plain),
  deflate: deflateSync(plain),
  br: brotliCompressSync(plain),
  zstd: zstdCompressSync(plain),
  identity: plain,
  'gzip, br': brotliCompressSync(gzipSync(plain)),
  GZIP: gzipSync(plain),
}

for (const [encoding, bytes] of Object.entries(packed))
  test(`unpacks ${encoding}, whole and byte by byte`, async () => {
    expect(await unpack([bytes], encoding)).toEqual({ readable: true, text })
    expect(await unpack(cutEvery(bytes, 1), encoding)).toEqual({ readable: true, text })
  })

test('unpacks a raw deflate, which some servers send', async () => {
  expect(await unpack([deflateRawSync(plain)], 'deflate')).toEqual({ readable: true, text })
})

for (const encoding of ['gzip', 'br', 'zstd', 'deflate'])
  test(`reads a body that is not ${encoding} although the header says so, as after a fetch`, async () => {
    expect(await unpack([plain], encoding)).toEqual({ readable: true, text })
    const events = 'data: {"a":1}\n\n'
    expect(await unpack(cutEvery(Buffer.from(events), 1), encoding)).toEqual({ readable: true, text: events })
  })

for (const encoding of ['gzip', 'br', 'zstd', 'deflate'])
  test(`gives what came of a ${encoding} body that was cut off`, async () => {
    const bytes = packed[encoding] ?? plain
    const half = await unpack([bytes.subarray(0, bytes.length - 8)], encoding)
    expect(text.startsWith(half.text)).toBe(true)
  })

test('says that broken data could not be read', async () => {
  const broken = Buffer.from(packed.gzip ?? plain)
  broken.fill(0xff, 10)
  expect((await unpack([broken, broken], 'gzip')).readable).toBe(false)
})

test('says that an unknown encoding could not be read', async () => {
  expect(await unpack([plain], 'compress')).toEqual({ readable: false, text: '' })
  expect(await unpack([plain], 'br, gzip, br')).toEqual({ readable: false, text: '' })
})

for (const encoding of ['gzip', 'br', 'deflate'])
  test(`ends although bytes follow the end of a ${encoding} body`, async () => {
    const chunks = [packed[encoding] ?? plain, Buffer.from('rubbish'), Buffer.from('more')]
    expect((await unpack(chunks, encoding)).text).toBe(text)
  })

test('stops reading a bomb at its bound', async () => {
  const bomb = gzipSync(Buffer.alloc(20_000_000))
  const { readable, text: read } = await unpack([bomb], 'gzip', { unpackedBytesMax: 1_000_000 })
  expect(readable).toBe(false)
  expect(read.length).toBeLessThanOrEqual(1_000_000)
})

test('stops reading an answer that comes faster than it can be unpacked', async () => {
  const chunks = cutEvery(gzipSync(randomBytes(400_000)), 1_000)
  expect((await unpack(chunks, 'gzip', { waitingBytesMax: 10_000 })).readable).toBe(false)
})

test('ends an answer of which nothing came', async () => {
  expect(await unpack([], 'gzip')).toEqual({ readable: true, text: '' })
  expect((await unpack([Buffer.from([0x1f])], 'gzip')).text).not.toContain('{')
})
