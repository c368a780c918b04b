// The provider of the benchmark, in a process of its own: answers as the header says, and does as little as it can.
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { answerHeader, eventsAnswer, jsonAnswer, parseAnswer } from './answers.ts'

const plain = new Map<number, Buffer>()
const streams = new Map<string, Buffer[]>()

const server = createServer({ keepAliveTimeout: 120_000 }, (req, res) => {
  const answer = parseAnswer(String(req.headers[answerHeader]))
  if (answer.kind === 'json') {
    req.resume()
    const bytes = kept(plain, answer.bytes, () => jsonAnswer(answer.bytes))
    const respond = () => res.writeHead(200, { 'content-type': 'application/json', 'content-length': bytes.length }).end(bytes) // prettier-ignore
    req.on('end', () => (answer.afterMs > 0 ? setTimeout(respond, answer.afterMs) : respond()))
    return
  }
  readText(req, (body) => {
    const asked = body.includes('"include_usage":true')
    const events = kept(streams, `${answer.count} ${asked}`, () => eventsAnswer(answer.count, asked))
    res.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' })
    res.flushHeaders()
    if (answer.gapMs > 0) pace(res, events, answer.gapMs)
    else writeNext(res, events, 0)
  })
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')
process.send?.({ port: (server.address() as AddressInfo).port })
process.on('disconnect', () => process.exit())

function kept<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const value = map.get(key) ?? make()
  map.set(key, value)
  return value
}

function readText(req: IncomingMessage, then: (text: string) => void): void {
  let text = ''
  req.setEncoding('latin1')
  req.on('data', (chunk: string) => (text += chunk))
  req.on('end', () => then(text))
}

function writeNext(res: ServerResponse, events: readonly Buffer[], at: number): void {
  const event = events[at]
  if (res.destroyed) return
  if (event === undefined) res.end()
  else {
    res.write(event)
    setImmediate(writeNext, res, events, at + 1)
  }
}

function pace(res: ServerResponse, events: readonly Buffer[], gapMs: number): void {
  let at = 0
  const timer = setInterval(() => {
    const event = events[at++]
    if (event !== undefined) res.write(event)
    if (at < events.length) return
    clearInterval(timer)
    res.end()
  }, gapMs)
  res.on('close', () => clearInterval(timer))
}
