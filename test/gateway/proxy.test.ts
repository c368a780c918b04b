// The proxy: what becomes of a call whose connection, answer or caller is slow, cut off or odd.
import { once } from 'node:events'
import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { createProxy, type ProviderCall, type RunningCall } from '../../src/gateway/proxy.ts'
import type { Answer } from '../../src/http/exchange.ts'
import { createAgents } from '../../src/http/public-agent.ts'

const servers: Server[] = []
const sockets = new Set<Socket>()
const agents = [createAgents(60_000)]
afterEach(() => {
  for (const agent of agents.splice(1)) agent.destroy()
  for (const socket of sockets) socket.destroy()
  for (const server of servers.splice(0)) server.close()
})

async function listening(server: Server): Promise<string> {
  servers.push(server)
  server.on('connection', (socket: Socket) => sockets.add(socket))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

function proxyWithin(timeoutMs: number): ReturnType<typeof createProxy> {
  const made = createAgents(timeoutMs)
  agents.push(made)
  return createProxy(made, timeoutMs)
}

const call = (host: string, more: Partial<ProviderCall> = {}): ProviderCall => ({
  method: 'POST',
  origin: `http://${host}`,
  path: '/v1/chat/completions',
  headers: [],
  body: { kind: 'none' },
  allowPrivate: true,
  ...more,
})

async function begun(running: RunningCall): Promise<RunningCall> {
  await running.begun
  return running
}

/** All of an answer, and whether it came whole. */
function read(answer: Answer): Promise<{ text: string; complete: boolean }> {
  return new Promise((resolve) => {
    let text = ''
    answer.readTo({
      chunk: (bytes) => (text += bytes.toString()),
      end: (complete) => resolve({ text, complete }),
    })
  })
}

describe('an answer', () => {
  test('that came before anybody read it is handed over whole, its last bytes told as such', async () => {
    const host = await listening(createHttpServer((_req, res) => res.end('{}')))
    const answer = await begun(proxyWithin(5_000)(call(host)))
    for (let turns = 0; turns < 20; turns++) await turn()
    const chunks: [string, boolean][] = []
    const complete = await new Promise((resolve) =>
      answer.readTo({ chunk: (bytes, isLast) => chunks.push([bytes.toString(), isLast]), end: resolve }),
    )
    expect(chunks).toEqual([['{}', true]])
    expect(complete).toBe(true)
  })

  test('stops coming while it is paused, and comes whole when it goes on', async () => {
    const bytes = 20_000_000
    let written = false
    const host = await listening(createHttpServer((_req, res) => res.end('x'.repeat(bytes), () => (written = true))))
    const answer = await begun(proxyWithin(5_000)(call(host)))
    let size = 0
    const { promise: first, resolve: began } = Promise.withResolvers<unknown>()
    answer.readTo({
      chunk(chunk) {
        size += chunk.length
        answer.pause()
        began(undefined)
      },
      end: () => undefined,
    })
    await first
    for (let turns = 0; turns < 200; turns++) await turn()
    // What the socket had read already.
    expect(size).toBeLessThan(200_000)
    expect(written).toBe(false)
    // From here on it is never paused again.
    const rest = read(answer)
    answer.resume()
    expect(size + (await rest).text.length).toBe(bytes)
  })

  test.each([false, true])(
    'that nobody reads yet is kept in part only, and comes whole (its reader pauses: %s)',
    async (pauses) => {
      const whole = '0123456789'.repeat(2_000_000)
      let written = false
      const host = await listening(createHttpServer((_req, res) => res.end(whole, () => (written = true))))
      const answer = await begun(proxyWithin(5_000)(call(host)))
      for (let turns = 0; turns < 200; turns++) await turn()
      expect(written).toBe(false)
      const came: string[] = []
      const done = new Promise((resolve) =>
        answer.readTo({
          chunk(bytes) {
            came.push(bytes.toString())
            if (pauses && came.length === 1) answer.pause()
          },
          end: resolve,
        }),
      )
      if (pauses) {
        for (let turns = 0; turns < 200; turns++) await turn()
        expect(came.join('').length).toBeLessThan(200_000)
        answer.resume()
      }
      expect(await done).toBe(true)
      expect(came.join('') === whole).toBe(true)
    },
  )

  test('that is broken off while what was kept of it is handed over ends once, and brings no more', async () => {
    const host = await listening(createHttpServer((_req, res) => res.end('x'.repeat(20_000_000))))
    const answer = await begun(proxyWithin(5_000)(call(host)))
    for (let turns = 0; turns < 200; turns++) await turn()
    const told: string[] = []
    answer.readTo({
      chunk() {
        told.push('chunk')
        answer.cancel()
      },
      end: (complete) => told.push(complete ? 'whole' : 'cut'),
    })
    for (let turns = 0; turns < 200; turns++) await turn()
    expect(told).toEqual(['chunk', 'cut'])
  })

  test('that is cut off is told as such, after the bytes that came', async () => {
    const host = await listening(
      createHttpServer((_req, res) => {
        res.writeHead(200, { 'content-length': '100' })
        res.write('begun', () => res.destroy())
      }),
    )
    expect(await read(await begun(proxyWithin(5_000)(call(host))))).toEqual({ text: 'begun', complete: false })
  })

  test('without a length that the provider closes is whole', async () => {
    const answering = createServer((socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\n\r\nall of it'))
    })
    const answer = await begun(proxyWithin(5_000)(call(await listening(answering))))
    expect(await read(answer)).toEqual({ text: 'all of it', complete: true })
  })

  test('has repeated headers as Node has them, and 103 in front of it is no answer', async () => {
    const lines = ['HTTP/1.1 103 Early Hints', 'link: </a>', '', 'HTTP/1.1 200 OK', 'Content-Type: text/plain', 'content-type: text/html', 'X-Ids: 1', 'x-ids: 2', 'set-cookie: a=1', 'set-cookie: b=2', 'content-length: 2', '', 'ok']
    const host = await listening(createServer((socket) => void socket.once('data', () => socket.end(lines.join('\r\n')))))
    const answer = await begun(proxyWithin(5_000)(call(host)))
    expect(answer).toMatchObject({
      status: 200,
      headers: { 'content-type': 'text/plain', 'x-ids': '1, 2', 'set-cookie': ['a=1', 'b=2'] },
    })
    expect(await read(answer)).toEqual({ text: 'ok', complete: true })
  }) // prettier-ignore
})

describe('a provider that is silent for longer than it may be', () => {
  const silent = () => createServer((socket) => void socket.resume())

  test('before its answer is a time-out', async () => {
    const running = proxyWithin(200)(call(await listening(silent())))
    await expect(running.begun).rejects.toMatchObject({ code: 'provider_timeout' })
  })

  test('while it is connected to is a time-out', async () => {
    const running = proxyWithin(200)(call('', { origin: `https://${await listening(silent())}` }))
    await expect(running.begun).rejects.toMatchObject({ code: 'provider_timeout' })
  })

  test('amid its answer is cut off', async () => {
    const slow: RequestListener = (_req, res) => void res.write('begun')
    const answer = await begun(proxyWithin(200)(call(await listening(createHttpServer(slow)))))
    expect(await read(answer)).toEqual({ text: 'begun', complete: false })
  })
})

describe('a caller', () => {
  // undici counts no time while nobody reads: https://github.com/nodejs/undici, client-h1.js, onParserTimeout
  test('that reads nothing for longer than a provider may be silent gets no more', async () => {
    const host = await listening(createHttpServer((_req, res) => res.end('x'.repeat(20_000_000))))
    const answer = await begun(proxyWithin(300)(call(host)))
    const complete = await new Promise((resolve) => answer.readTo({ chunk: () => answer.pause(), end: resolve }))
    expect(complete).toBe(false)
  })

  test('that begins to read late may pause for as long as any other', async () => {
    const host = await listening(createHttpServer((_req, res) => res.end('x'.repeat(20_000_000))))
    const answer = await begun(proxyWithin(1_000)(call(host)))
    await wait(700)
    const { promise: ended, resolve } = Promise.withResolvers<boolean>()
    let isFirst = true
    answer.readTo({
      chunk() {
        if (isFirst) answer.pause()
        isFirst = false
      },
      end: resolve,
    })
    await wait(700)
    answer.resume()
    expect(await ended).toBe(true)
  })

  test('that stalls amid an upload is a time-out', async () => {
    const host = await listening(createHttpServer((req) => void req.resume()))
    const source = new PassThrough()
    const running = proxyWithin(300)(call(host, { body: { kind: 'stream', source, bytesExpected: 10 } }))
    source.write('begun')
    await expect(running.begun).rejects.toMatchObject({ code: 'provider_timeout' })
  })
})

// As every client built on Node's fetch has it; nothing of an answer behind it can be read.
test('a 100 that nobody asked for is no answer', async () => {
  const lines = ['HTTP/1.1 100 Continue', '', 'HTTP/1.1 200 OK', 'content-length: 2', '', 'ok']
  const host = await listening(createServer((socket) => void socket.once('data', () => socket.end(lines.join('\r\n')))))
  await expect(proxyWithin(5_000)(call(host)).begun).rejects.toMatchObject({ code: 'provider_unavailable' })
})

test('a header that would begin another line is refused', async () => {
  const host = await listening(createHttpServer((_req, res) => res.end()))
  const running = proxyWithin(5_000)(call(host, { headers: ['x-one', 'a\r\nx-two: b'] }))
  await expect(running.begun).rejects.toMatchObject({ code: 'provider_unavailable' })
  expect(running.isSent).toBe(false)
})

describe('a call that is broken off', () => {
  test('while it is connected is over at once, and nothing of it was sent', async () => {
    const server = createServer((socket) => void socket.resume())
    const running = proxyWithin(60_000)(call('', { origin: `https://${await listening(server)}` }))
    running.cancel()
    await expect(running.begun).rejects.toMatchObject({ code: 'provider_unavailable' })
    expect(running.isSent).toBe(false)
  })

  test('before its answer leaves the provider without a caller', async () => {
    const { promise: left, resolve } = Promise.withResolvers<unknown>()
    const host = await listening(createHttpServer((req) => req.resume().on('close', resolve)))
    const running = proxyWithin(60_000)(call(host))
    await once(servers[0] ?? new PassThrough(), 'request')
    expect(running.isSent).toBe(true)
    running.cancel()
    await expect(running.begun).rejects.toMatchObject({ code: 'provider_unavailable' })
    await left
  })

  test('amid its answer ends the answer, cut off', async () => {
    const host = await listening(createHttpServer((_req, res) => void res.write('begun')))
    const running = proxyWithin(60_000)(call(host))
    const answer = await begun(running)
    const reading = read(answer)
    running.cancel()
    expect((await reading).complete).toBe(false)
  })
})

describe('an upload', () => {
  test('that a provider answers early is read on to its end, so that its caller gets to the answer', async () => {
    const refusing: RequestListener = (_req, res) => res.writeHead(413).end('too large')
    const source = new PassThrough()
    const running = proxyWithin(5_000)(
      call(await listening(createHttpServer(refusing)), { body: { kind: 'stream', source, bytesExpected: null } }),
    )
    source.write('x'.repeat(1000))
    const answer = await begun(running)
    expect(answer.status).toBe(413)
    expect((await read(answer)).text).toBe('too large')
    const ended = once(source, 'end')
    for (let part = 0; part < 100; part++) source.write('x'.repeat(10_000))
    source.end()
    await ended
    expect(source.destroyed && !source.readableEnded).toBe(false)
  })

  test('whose caller leaves while sending is broken off', async () => {
    const { promise: cut, resolve } = Promise.withResolvers<unknown>()
    const host = await listening(createHttpServer((req) => req.resume().on('error', resolve)))
    const source = new PassThrough()
    const running = proxyWithin(5_000)(call(host, { body: { kind: 'stream', source, bytesExpected: 1_000_000 } }))
    source.write('x'.repeat(1000))
    await once(servers[0] ?? source, 'request')
    source.destroy()
    await expect(running.begun).rejects.toMatchObject({ code: 'provider_unavailable' })
    await cut
  })
})
