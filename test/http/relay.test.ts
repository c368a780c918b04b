// The relay: what the caller and the tap get of an answer, however it comes in.
import { once } from 'node:events'
import { createServer, get, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { ClientWatch } from '../../src/http/client-watch.ts'
import { EventFilter } from '../../src/http/event-filter.ts'
import { Nowhere, type Answer, type AnswerSink } from '../../src/http/exchange.ts'
import { Relay } from '../../src/http/relay.ts'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

interface Relayed {
  sink: AnswerSink
  res: ServerResponse
  answer: IncomingMessage
  done: Promise<boolean>
  /** What the tap saw, and what was written to the caller. */
  seen: string[]
  written: string[]
}

/** A relay of an answer that comes in by the test's own hand. */
async function relayed(filter: EventFilter | null = null): Promise<Relayed> {
  const server = createServer().listen(0, '127.0.0.1')
  servers.push(server)
  await once(server, 'listening')
  const asked = get({ port: (server.address() as AddressInfo).port, agent: false })
  const [, res] = (await once(server, 'request')) as [IncomingMessage, ServerResponse]
  const [seen, written]: [string[], string[]] = [[], []]
  const write = res.write.bind(res)
  res.write = (chunk: Buffer) => {
    written.push(chunk.toString())
    return write(chunk)
  }
  let sink: AnswerSink = new Nowhere({ cancel: () => undefined })
  const source: Answer = {
    status: 200,
    headers: {},
    readTo: (given) => void (sink = given),
    pause: () => undefined,
    resume: () => undefined,
  }
  const tap = {
    write(bytes: Uint8Array) {
      seen.push(Buffer.from(bytes).toString())
      return 0
    },
  }
  const { done } = new Relay(source, res, new ClientWatch(res), tap, filter)
  res.flushHeaders()
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  return { sink, res, answer, done, seen, written }
}

async function textOf(answer: IncomingMessage): Promise<string> {
  let text = ''
  answer.on('data', (bytes: Buffer) => (text += bytes.toString()))
  await Promise.allSettled([once(answer, 'end'), once(answer, 'close')])
  return text
}

test('what comes in one turn is looked at and written as one, and what comes later by itself', async () => {
  const { sink, answer, done, seen, written } = await relayed()
  for (const text of ['a', 'b', 'c']) sink.chunk(Buffer.from(text), false)
  await turn()
  sink.chunk(Buffer.from('d'), false)
  await turn()
  expect(written).toEqual(['abc', 'd'])
  sink.end(true)
  expect(await done).toBe(true)
  expect(seen).toEqual(['abc', 'd'])
  expect(await textOf(answer)).toBe('abcd')
})

test('a large piece is not joined to others, and keeps its place among them', async () => {
  const { sink, answer, done, written } = await relayed()
  const large = 'x'.repeat(20_000)
  for (const text of ['a', 'b', large, 'c', 'd']) sink.chunk(Buffer.from(text), false)
  sink.end(true)
  expect(await done).toBe(true)
  expect(written).toEqual(['ab', large, 'cd'])
  expect(await textOf(answer)).toBe(`ab${large}cd`)
})

test('an answer that ends in the turn in which its last bytes come loses none of them', async () => {
  const { sink, answer, done, seen } = await relayed()
  sink.chunk(Buffer.from('a'), false)
  sink.chunk(Buffer.from('b'), true)
  sink.end(true)
  expect(await done).toBe(true)
  expect(seen).toEqual(['a', 'b'])
  expect(await textOf(answer)).toBe('ab')
})

test('an answer that is cut does not look whole, and what came of it is counted', async () => {
  const { sink, answer, done, seen } = await relayed()
  answer.on('error', () => undefined)
  sink.chunk(Buffer.from('a'), false)
  sink.end(false)
  expect(await done).toBe(false)
  expect(seen).toEqual(['a'])
  expect(await textOf(answer)).toBe('a')
  expect(answer.complete).toBe(false)
})

test('what comes after the caller left is looked at all the same', async () => {
  const { sink, res, answer, done, seen, written } = await relayed()
  sink.chunk(Buffer.from('a'), false)
  await turn()
  answer.on('error', () => undefined)
  answer.destroy()
  await once(res, 'close')
  sink.chunk(Buffer.from('b'), false)
  sink.end(true)
  expect(await done).toBe(true)
  expect(seen).toEqual(['a', 'b'])
  expect(written).toEqual(['a'])
})

test('a caller who cannot be written to is given up, and the answer read on', async () => {
  const { sink, res, answer, done, seen } = await relayed()
  answer.on('error', () => undefined)
  res.write = () => {
    throw new Error('the host wrote its own')
  }
  sink.chunk(Buffer.from('a'), false)
  await once(res, 'close')
  sink.chunk(Buffer.from('b'), false)
  sink.end(true)
  expect(await done).toBe(true)
  expect(seen).toEqual(['a', 'b'])
  await textOf(answer)
  expect(answer.complete).toBe(false)
})

test.each([true, false])(
  'a caller whose answer cannot be ended is given up, and the answer counts (last bytes known: %s)',
  async (isLast) => {
    const { sink, res, answer, done, seen } = await relayed()
    answer.on('error', () => undefined)
    res.end = () => {
      throw new Error('the host wrote its own')
    }
    sink.chunk(Buffer.from('a'), isLast)
    sink.end(true)
    expect(await done).toBe(true)
    expect(seen).toEqual(['a'])
    await textOf(answer)
    expect(answer.complete).toBe(false)
  },
)

test('an event that is taken out is missing, wherever it stands among what comes at once', async () => {
  const filter = new EventFilter({ look: /drop/, takesOut: (data) => data === 'drop' })
  const { sink, answer, done } = await relayed(filter)
  for (const text of ['data: a\n\nda', 'ta: drop\n\n', 'data: b\n\ndata: dr']) sink.chunk(Buffer.from(text), false)
  await turn()
  sink.chunk(Buffer.from('op\n\n'), false)
  sink.end(true)
  await done
  expect(await textOf(answer)).toBe('data: a\n\ndata: b\n\n')
})
