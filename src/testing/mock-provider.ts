// The mock provider: a real server that answers as OpenAI, Anthropic and Gemini do, for tests and demonstrations.
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Transform } from 'node:stream'
import zlib from 'node:zlib'
import { answerTo, type MockAnswer } from './mock-answer.ts'
import { behaviourSchema, type Behaviour } from './mock-behaviour.ts'
import { MockCalls, type DefaultBehaviour, type MockCall } from './mock-calls.ts'

export type { Behaviour } from './mock-behaviour.ts'
export type { MockCall } from './mock-calls.ts'

export interface MockProviderOptions {
  /** How calls are answered when neither `next` nor the header `x-mock-behaviour` says otherwise. */
  behaviour?: DefaultBehaviour
  /** Default 0: a free one. */
  port?: number
  /** The `created` of its answers. Default 1,700,000,000. */
  createdAtS?: number
  /** How many calls are remembered, the newest ones. Default 10,000. */
  callsMax?: number
}

export interface MockProvider {
  /** `http://127.0.0.1:<port>`, without a path: any base path may follow. */
  url: string
  /** The newest calls, in the order in which they came. */
  readonly calls: readonly MockCall[]
  /** All calls that ever came. */
  readonly callCount: number
  /** Sets the behaviour of one call to come; several queue up. */
  next(behaviour: Behaviour): void
  /** Makes the answers of all calls from now on wait. */
  gate(): { release(): void }
  /** Resolves when so many calls have come in all. */
  waitForCalls(count: number): Promise<void>
  /** Resolves when the call's answer is finished or aborted. */
  waitForEnd(call: MockCall): Promise<void>
  close(): Promise<void>
}

/**
 * Starts a mock provider on the loopback address. Set it as a provider's `baseUrl`, with `allowPrivate: true`.
 *
 * @example
 * const provider = await mockProvider({ behaviour: { inputTokens: 1200, outputTokens: 350 } })
 * lavaGateway({ providers: { openai: { baseUrl: `${provider.url}/v1`, apiKey: 'any', allowPrivate: true } } })
 */
export async function mockProvider(options: MockProviderOptions = {}): Promise<MockProvider> {
  const { behaviour = {}, callsMax = 10_000, createdAtS = 1_700_000_000 } = options
  const state = new MockCalls(behaviour, callsMax)
  const server = createServer((req, res) => {
    serve(req, res, state, createdAtS).catch((error: unknown) =>
      res.destroy(error instanceof Error ? error : undefined),
    )
  })
  server.listen(options.port ?? 0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${portOf(server)}`,
    calls: state.calls,
    get callCount() {
      return state.callCount
    },
    next: (behaviour) => void state.queue.push(behaviour),
    gate: () => state.gate(),
    waitForCalls: (count) => state.until(() => state.callCount >= count),
    waitForEnd: (call) => state.until(() => call.status !== 'open'),
    async close() {
      if (!server.listening) return
      state.closing.abort()
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

async function serve(req: IncomingMessage, res: ServerResponse, state: MockCalls, createdAtS: number): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of req) if (Buffer.isBuffer(chunk)) chunks.push(chunk)
  const call: MockCall = {
    method: req.method ?? 'GET',
    path: req.url ?? '/',
    headers: req.headers,
    body: Buffer.concat(chunks),
    status: 'open',
  }
  res.once('close', () => state.end(call, res.writableFinished ? 'finished' : 'aborted'))
  const behaviour = headerBehaviour(req) ?? state.behaviourOf(call)
  state.add(call)
  if (behaviour === 'invalid') {
    send(
      res,
      400,
      JSON.stringify({ error: { message: 'x-mock-behaviour is not valid: JSON with the fields of Behaviour' } }),
    )
    return
  }
  await state.throughGate()
  if (behaviour.hang) return
  if (behaviour.delayMs !== undefined && !(await pause(behaviour.delayMs, res, state))) return
  if (behaviour.raw) {
    res.writeHead(behaviour.raw.status, behaviour.raw.headers)
    for (const chunk of behaviour.raw.chunks) res.write(chunk)
    res.end()
    return
  }
  const url = new URL(call.path, 'http://mock')
  const asked = {
    path: url.pathname,
    search: url.searchParams,
    body: objectOf(call.body),
    bodyBytes: call.body.length,
    number: state.callCount,
    createdAtS,
  }
  await write(res, answerTo(asked, behaviour), behaviour, state)
}

async function write(res: ServerResponse, answer: MockAnswer, behaviour: Behaviour, state: MockCalls): Promise<void> {
  if (answer.kind === 'error') {
    send(res, answer.status, JSON.stringify(answer.body))
    return
  }
  const packer = packerOf(behaviour.encoding)
  if (behaviour.encoding !== undefined) res.setHeader('content-encoding', behaviour.encoding)
  res.setHeader('content-type', answer.kind === 'json' ? 'application/json' : answer.contentType)
  packer?.pipe(res)
  const out = packer ?? res
  if (answer.kind === 'json') {
    const text = JSON.stringify(answer.body)
    if (behaviour.cutBody) {
      res.setHeader('content-length', Buffer.byteLength(text))
      res.write(text.slice(0, text.length / 2), () => res.destroy())
    } else out.end(text)
    return
  }
  for (const [index, event] of answer.events.entries()) {
    if (index === behaviour.cutAfterEvents) {
      // The events before must be on their way: a cut is told after them, not instead of them.
      res.write('', () => res.destroy())
      return
    }
    if (index > 0 && behaviour.eventDelayMs !== undefined && !(await pause(behaviour.eventDelayMs, res, state))) return
    out.write(event)
    if (packer) await flushed(packer)
  }
  out.end()
}

/** False: the caller left, or the provider closed, before the time was over. */
function pause(milliseconds: number, res: ServerResponse, state: MockCalls): Promise<boolean> {
  return new Promise((resolve) => {
    const end = (over: boolean) => () => {
      clearTimeout(timer)
      res.off('close', gone)
      state.closing.signal.removeEventListener('abort', gone)
      resolve(over)
    }
    const gone = end(false)
    const timer = setTimeout(end(true), milliseconds)
    res.once('close', gone)
    state.closing.signal.addEventListener('abort', gone)
    if (res.destroyed) gone()
  })
}

type Packer = Transform & { flush(callback: () => void): void }

function packerOf(encoding: Behaviour['encoding']): Packer | null {
  if (encoding === undefined) return null
  if (encoding === 'gzip') return zlib.createGzip()
  if (encoding === 'br') return zlib.createBrotliCompress()
  return encoding === 'deflate' ? zlib.createDeflate() : zlib.createZstdCompress()
}

/** Each event leaves at once, as providers flush them. */
function flushed(packer: Packer): Promise<void> {
  return new Promise((resolve) => packer.flush(() => resolve()))
}

function send(res: ServerResponse, status: number, text: string): void {
  res.writeHead(status, { 'content-type': 'application/json' }).end(text)
}

function headerBehaviour(req: IncomingMessage): Behaviour | 'invalid' | null {
  const text = req.headers['x-mock-behaviour']
  if (typeof text !== 'string') return null
  const result = behaviourSchema.safeParse(jsonOf(text))
  return result.success ? result.data : 'invalid'
}

function objectOf(body: Buffer): Readonly<Record<string, unknown>> {
  const text = body.toString('utf8')
  const value = jsonOf(text)
  if (typeof value === 'object' && value !== null) return { ...value }
  // Of a form only the model is looked at.
  const [, model] = /name="model"\r\n\r\n([^\r]+)/.exec(text) ?? []
  return model === undefined ? {} : { model }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // What is not JSON asks for nothing: the answer has the defaults.
    return undefined
  }
}

function portOf(server: Server): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the mock provider has no port')
  return address.port
}
