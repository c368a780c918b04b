// Behaviour: calls that are answered before their body was read whole, and what becomes of the connection.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import type { Face } from './face.ts'
import { chatUrl, startFace, token, type RunningFace } from './running-face.ts'

const uploadUrl = 'https://api.openai.com/v1/audio/transcriptions'
/** More than what is read to look at it, and more than all buffers on the way hold. */
const uploadBytes = 24 * 1024 * 1024
const form = 'multipart/form-data; boundary=b'
const formHead = Buffer.from('--b\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\n\r\n')

/** A client that looks for an answer only when it has sent all, as Python's and Java's usual ones do. */
async function sendAll(socket: Socket, head: readonly string[], body: Buffer): Promise<void> {
  socket.write(`${head.join('\r\n')}\r\n\r\n`)
  if (!socket.write(body)) await once(socket, 'drain')
}

/** The next answer on the socket, whose body has a `content-length`. */
async function answerOn(socket: Socket): Promise<{ status: number; body: string }> {
  let text = ''
  for (;;) {
    const [head, body] = text.split(/\r\n\r\n(.*)/s)
    const length = /content-length: (\d+)/i.exec(head ?? '')?.[1]
    if (length !== undefined && body !== undefined && Buffer.byteLength(body) >= Number(length))
      return { status: Number(text.split(' ')[1]), body }
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    text += String(chunk)
  }
}

export function answersUnread(face: Face): void {
  let running: RunningFace
  const sockets: Socket[] = []
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy()
    await running.close()
  })

  function open(): Socket {
    const { port } = new URL(running.base)
    const socket = connect(Number(port), '127.0.0.1')
    sockets.push(socket)
    return socket
  }
  const head = (target: string, credential: string, more: readonly string[]) => [
    `POST /v1/forward?u=${encodeURIComponent(target)} HTTP/1.1`,
    'Host: app.example',
    `Authorization: Bearer ${credential}`,
    ...more,
  ]
  const small = JSON.stringify({ model: 'gpt-4o', messages: [] })
  const chat = head(chatUrl, token, ['Content-Type: application/json', `Content-Length: ${small.length}`])

  describe.each([
    ['a form', form],
    ['JSON', 'application/json'],
    ['bytes', 'application/octet-stream'],
  ])('%s larger than what is read', (_kind, type) => {
    test.each([
      ['402', token, 402],
      ['401', 'nothing', 401],
    ])('is refused with %s, and the connection is good for the next call', async (_status, credential, status) => {
      running = await startFace(face, { credit: '0', build: (app) => app.gateway() })
      const socket = open()
      const body = Buffer.concat([formHead, Buffer.alloc(uploadBytes)])
      await sendAll(
        socket,
        head(uploadUrl, credential, [`Content-Type: ${type}`, `Content-Length: ${body.length}`]),
        body,
      )
      expect((await answerOn(socket)).status).toBe(status)
      await running.lava.credit({ customer_id: 'ada', amount: '1', entry_id: 'e' })
      await sendAll(socket, chat, Buffer.from(small))
      expect((await answerOn(socket)).status).toBe(200)
    })
  })

  test('in chunks of no declared length are refused just so', async () => {
    running = await startFace(face, { credit: '0', build: (app) => app.gateway() })
    const socket = open()
    const size = uploadBytes.toString(16)
    const body = Buffer.concat([
      Buffer.from(`${size}\r\n`),
      Buffer.alloc(uploadBytes, 0x20),
      Buffer.from('\r\n0\r\n\r\n'),
    ])
    await sendAll(socket, head(chatUrl, token, ['Content-Type: application/json', 'Transfer-Encoding: chunked']), body)
    expect((await answerOn(socket)).status).toBe(402)
  })

  test('that the provider answers before it has read them give its answer', async () => {
    const hasty = createServer((req, res) => {
      // Reads no further, as providers do with what is too large.
      req.once('data', () => req.pause())
      res.writeHead(413, { 'content-type': 'application/json', 'content-length': 2 }).end('{}')
    })
    hasty.listen(0, '127.0.0.1')
    await once(hasty, 'listening')
    const address = hasty.address()
    const baseUrl = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/v1`
    running = await startFace(face, {
      options: { providers: { openai: { baseUrl, apiKey: 'merchant-key', allowPrivate: true } } },
      build: (app) => app.gateway(),
    })
    try {
      const socket = open()
      const body = Buffer.concat([formHead, Buffer.alloc(uploadBytes)])
      await sendAll(socket, head(uploadUrl, token, [`Content-Type: ${form}`, `Content-Length: ${body.length}`]), body)
      expect((await answerOn(socket)).status).toBe(413)
      expect((await running.recordsDone(1))[0]).toMatchObject({ charge: null, provider_status: 413 })
    } finally {
      hasty.close()
      hasty.closeAllConnections()
    }
  })

  test('whose sender leaves midway cost nothing, and leave no hold', async () => {
    running = await startFace(face, { build: (app) => app.gateway() })
    const socket = open()
    socket.write(
      `${head(uploadUrl, token, [`Content-Type: ${form}`, 'Content-Length: 20000000']).join('\r\n')}\r\n\r\n${String(formHead)}`,
    )
    socket.write(Buffer.alloc(10_000_000), () => socket.destroy())
    const [record] = await running.recordsDone(1)
    expect(record).toMatchObject({ charge: null, status: 'completed' })
    expect(await running.available()).toBe('1.0000000000')
    expect((await running.call()).status).toBe(200)
  })

  test('are asked for with 100 Continue only where the host lets them be, and refused without', async () => {
    running = await startFace(face, { build: (app) => app.gateway() })
    running.server.on('checkContinue', running.server.listeners('request')[0] as () => void)
    const socket = open()
    const more = ['Content-Type: application/json', 'Content-Length: 2000', 'Expect: 100-continue', 'Connection: close']
    socket.write(`${head(chatUrl, 'nothing', more).join('\r\n')}\r\n\r\n`)
    expect((await answerOn(socket)).status).toBe(401)
  })
}
