// The connection to a provider: how a body is framed on it, how long it may be silent, and what comes back that is no answer.
import { once } from 'node:events'
import {
  createServer as createHttpServer,
  request,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http'
import { createServer, type AddressInfo, type Server } from 'node:net'
import type { RequestHandler } from 'express'
import { afterEach, describe, expect, test } from 'vitest'
import { runningApp, secretKey, type AppOptions, type RunningApp } from '../support/running-app.ts'

let running: RunningApp
const servers: Server[] = []
afterEach(async () => {
  await running.close()
  for (const server of servers.splice(0)) server.close()
})

const filesUrl = 'https://api.openai.com/v1/files/one'

/** In front of a provider of the test's own. */
async function startBefore(
  server: Server,
  lava: AppOptions['lava'] = {},
  before: AppOptions['before'] = () => undefined,
): Promise<void> {
  servers.push(server)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const openai = { baseUrl: `http://127.0.0.1:${port}/v1`, apiKey: 'merchant-key', allowPrivate: true }
  running = await runningApp({ lava, before, providers: () => ({ openai }) })
}

async function send(method: string, headers: Record<string, string>, body?: string): Promise<number | undefined> {
  const call = request(`${running.base}/v1/forward?u=${filesUrl}`, {
    method,
    headers: { authorization: `Bearer ${secretKey}`, ...headers },
  })
  call.end(body)
  const [answer] = (await once(call, 'response')) as [IncomingMessage]
  await once(answer.resume(), 'end')
  return answer.statusCode
}

describe('a call', () => {
  // http-party/node-http-proxy#1263 and its like: what follows the head unframed is read as the next request.
  test.each(['GET', 'DELETE', 'POST', 'PUT'])('of %s whose body has no length arrives in chunks, whole', async (method) => {
    running = await runningApp()
    // More than is kept of a body before it goes on: its end is not known when its head is written.
    const body = 'GET /v1/smuggled HTTP/1.1\r\nhost: provider.example\r\n\r\n'.repeat(10_000)
    const type = { 'content-type': 'application/octet-stream', 'transfer-encoding': 'chunked' }
    await send(method, type, body)
    await send('GET', {})
    expect(running.provider.calls.map(({ path }) => path)).toEqual(['/v1/files/one', '/v1/files/one'])
    const [call] = running.provider.calls
    expect(call?.body.toString()).toBe(body)
    expect(call?.headers['transfer-encoding']).toBe('chunked')
  }) // prettier-ignore

  test.each([
    ['GET', undefined],
    ['DELETE', undefined],
    ['POST', '0'],
    ['PUT', '0'],
    ['PATCH', '0'],
  ])('of %s without a body has no chunks, and content-length %s', async (method, length) => {
    running = await runningApp()
    await send(method, { 'content-length': '0' })
    const [call] = running.provider.calls
    expect(call?.headers).not.toHaveProperty('transfer-encoding')
    expect(call?.headers['content-length']).toBe(length)
  })
})

describe('a provider', () => {
  test.each([
    ['101', 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'],
    ['101 without an upgrade', 'HTTP/1.1 101 Switching Protocols\r\n\r\n'],
    ['099', 'HTTP/1.1 099 Odd\r\nContent-Length: 2\r\n\r\n{}'],
  ])('that answers %s is 502, and nothing is charged', async (_status, answer) => {
    await startBefore(createServer((socket) => void socket.once('data', () => socket.end(answer))))
    await running.lava.credit({ customer_id: 'ada', amount: '1', entry_id: 'e' })
    expect((await running.call()).status).toBe(502)
    expect((await running.recordsDone(1))[0]).toMatchObject({ charge: null, status: 'completed' })
    expect((await running.lava.canAfford({ customer_id: 'ada', amount: '0' })).available).toBe('1.0000000000')
  })

  test('that keeps idle connections for two seconds has as long for its answers as any', async () => {
    let connections = 0
    const slow: RequestListener = (req, res) => {
      req.resume()
      res.setHeader('keep-alive', 'timeout=2')
      // Longer than the second that a free socket is kept then.
      if (req.url === '/v1/files/one') setTimeout(() => res.end('{}'), 1300)
      else res.end('{}')
    }
    await startBefore(createHttpServer(slow).on('connection', () => connections++))
    await (await running.call({ credential: secretKey })).text()
    expect(await send('GET', {})).toBe(200)
    expect(connections).toBe(1)
  })

  test('whose answer nobody can be given, since the host began one of its own meanwhile, is broken off', async () => {
    const { promise: broken, resolve } = Promise.withResolvers<unknown>()
    const begun: ServerResponse[] = []
    const endless: RequestListener = (req, res) => {
      req.resume()
      for (const own of begun) own.flushHeaders()
      res.on('close', resolve)
      res.write('{')
    }
    const keep: RequestHandler = (_req, res, next) => {
      begun.push(res)
      next()
    }
    await startBefore(createHttpServer(endless), {}, (app) => app.use(keep))
    const calling = running.call({ credential: secretKey })
    await broken
    await expect(calling.then((answer) => answer.text())).rejects.toThrow()
    const [record] = await running.recordsDone(1)
    expect(record?.charge).toBe(null)
    expect(record?.note).toBe('the gateway could not relay the call')
  })

  // It has not even been asked: until its handshake is over, nothing is sent.
  test('that can’t be reached in time is not paid for by a caller who leaves meanwhile', async () => {
    const { promise: connected, resolve } = Promise.withResolvers<unknown>()
    const silent = createServer((socket) => resolve(socket.resume()))
    servers.push(silent)
    await once(silent.listen(0, '127.0.0.1'), 'listening')
    const { port } = silent.address() as AddressInfo
    const openai = { baseUrl: `https://127.0.0.1:${port}/v1`, apiKey: 'merchant-key', allowPrivate: true }
    running = await runningApp({ lava: { onClientAbort: 'cancel' }, providers: () => ({ openai }) })
    await running.lava.credit({ customer_id: 'ada', amount: '1', entry_id: 'e' })
    const leaving = new AbortController()
    const calling = running.call({ signal: leaving.signal })
    await connected
    leaving.abort()
    await expect(calling).rejects.toThrow()
    expect((await running.recordsDone(1))[0]?.charge).toBe(null)
  })
})
