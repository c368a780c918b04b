// A real Express app with the gateway on it, the mock provider behind it, and a way to await its records.
import { once } from 'node:events'
import type { Server } from 'node:http'
import express, { type Express } from 'express'
import { lavaGateway, type LavaGateway } from '../../src/express.ts'
import { forwardToken, type ForwardTokenFields } from '../../src/gateway/forward-token.ts'
import type { LavaOptions } from '../../src/gateway/options.ts'
import type { RequestRecord } from '../../src/ledger/request-record.ts'
import { memoryStorage } from '../../src/storage/memory.ts'
import { chatMeter, secretKey } from './fixed.ts'
import { mockProvider, type Behaviour, type MockProvider } from '../../src/testing/mock-provider.ts'

export { chatMeter, secretKey }

export interface RunningApp {
  base: string
  app: Express
  server: Server
  provider: MockProvider
  lava: LavaGateway<express.Request>
  /** What the gateway logged. */
  log: { level: 'info' | 'warn' | 'error'; text: string }[]
  /** The finished records, in the order in which they were finished. */
  records: RequestRecord[]
  /** Resolves when so many records are finished. */
  recordsDone(count: number): Promise<RequestRecord[]>
  token(fields: Partial<ForwardTokenFields>): string
  /** A call of gpt-4o through the gateway. */
  call(options?: CallOptions): Promise<Response>
  close(): Promise<void>
}

export interface CallOptions {
  credential?: string
  target?: string
  body?: Record<string, unknown>
  headers?: Record<string, string>
  signal?: AbortSignal
}

export interface AppOptions {
  behaviour?: Behaviour
  lava?: LavaOptions<express.Request>
  /** The provider entries, given the mock provider's address. Default: OpenAI, Anthropic and Google. */
  providers?: (mock: string) => NonNullable<LavaOptions<express.Request>['providers']>
  /** Middleware in front of the gateway. */
  before?: (app: Express) => void
  /** Routes behind it. */
  after?: (app: Express, lava: LavaGateway<express.Request>) => void
  mount?: string
}

export const chatUrl = 'https://api.openai.com/v1/chat/completions'

export async function runningApp({
  behaviour,
  lava: options,
  providers,
  before,
  after,
  mount = '/',
}: AppOptions = {}): Promise<RunningApp> {
  const provider = await mockProvider(behaviour ? { behaviour } : {})
  const log: RunningApp['log'] = []
  const records: RequestRecord[] = []
  const waiting: { count: number; tell: () => void }[] = []
  const at = (path: string) => ({ baseUrl: `${provider.url}${path}`, apiKey: 'merchant-key', allowPrivate: true })
  const lava = lavaGateway({
    storage: memoryStorage(),
    secretKey,
    journalPath: false,
    meters: [chatMeter],
    providers: providers?.(provider.url) ?? {
      openai: at('/v1'),
      anthropic: at('/v1'),
      google: at('/v1beta'),
      googleOpenaiCompatible: at('/v1beta/openai'),
    },
    logger: {
      info: (...parts: unknown[]) => log.push({ level: 'info', text: parts.map(String).join(' ') }),
      warn: (...parts: unknown[]) => log.push({ level: 'warn', text: parts.map(String).join(' ') }),
      error: (...parts: unknown[]) => log.push({ level: 'error', text: parts.map(String).join(' ') }),
    },
    onRecord: (record) => {
      records.push(record)
      for (const { count, tell } of waiting) if (records.length >= count) tell()
    },
    ...options,
  })
  const app = express()
  before?.(app)
  app.use(mount, lava)
  after?.(app, lava)
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  const base = `http://127.0.0.1:${address.port}`
  const token: RunningApp['token'] = (fields) => forwardToken({ secret_key: secretKey, ...fields })

  return {
    base,
    app,
    server,
    provider,
    lava,
    log,
    records,
    token,
    recordsDone: (count) =>
      new Promise((resolve) => {
        const tell = () => resolve(records)
        if (records.length >= count) tell()
        else waiting.push({ count, tell })
      }),
    call({ credential, target = chatUrl, body, headers, signal } = {}) {
      return fetch(`${base}${mount === '/' ? '' : mount}/v1/forward?u=${encodeURIComponent(target)}`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${credential ?? token({ customer_id: 'ada', meter_slug: 'chat' })}`,
          'content-type': 'application/json',
          ...headers,
        },
        body: JSON.stringify({
          model: 'gpt-4o',
          max_tokens: 100,
          messages: [{ role: 'user', content: 'Hi' }],
          ...body,
        }),
        ...(signal ? { signal } : {}),
      })
    },
    async close() {
      server.close()
      server.closeAllConnections()
      await Promise.all([lava.close(), provider.close()])
    },
  }
}
