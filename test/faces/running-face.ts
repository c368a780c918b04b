// An app of one framework, listening, with the mock provider behind it and a way to await its records.
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { forwardToken } from '../../src/gateway/forward-token.ts'
import type { LavaMembers } from '../../src/gateway/gateway.ts'
import type { RequestRecord } from '../../src/ledger/request-record.ts'
import { memoryStorage } from '../../src/storage/memory.ts'
import { mockProvider, type MockProvider } from '../../src/testing/mock-provider.ts'
import { chatMeter, secretKey } from '../support/fixed.ts'
import type { Face, FaceApp, SharedOptions } from './face.ts'

export interface RunningFace {
  base: string
  server: Server
  provider: MockProvider
  lava: LavaMembers
  app: FaceApp
  log: string[]
  records: RequestRecord[]
  recordsDone(count: number): Promise<RequestRecord[]>
  /** What ada has, holds taken off. */
  available(): Promise<string>
  /** A call of gpt-4o at the mount path. */
  call(mount?: string, body?: Record<string, unknown>, init?: CallInit): Promise<Response>
  /** A request of ada's to a route of the host's. */
  post(path: string, body?: string): Promise<Response>
  close(): Promise<void>
}

export interface CallInit {
  headers?: Record<string, string>
  signal?: AbortSignal
}

export interface Building {
  options?: SharedOptions
  seesErrors?: boolean
  credit?: string
  build: (app: FaceApp, running: { provider: MockProvider; options: SharedOptions }) => void
}

const runsMeter = {
  meter_slug: 'runs',
  name: 'Runs',
  rate_type: 'fixed',
  tier_type: 'requests',
  tiers: [{ start: '0', rate: '0.25' }],
} as const

export const token = forwardToken({ secret_key: secretKey, customer_id: 'ada', meter_slug: 'chat' })
export const chatUrl = 'https://api.openai.com/v1/chat/completions'

/** The options of every gateway in this suite, and where its log and records go. */
export function sharedOptions(provider: MockProvider, log: string[], onRecord: (record: RequestRecord) => void) {
  const add = (...parts: unknown[]) => void log.push(parts.map(String).join(' '))
  return {
    storage: memoryStorage(),
    secretKey,
    journalPath: false,
    meter: 'chat',
    meters: [chatMeter, runsMeter],
    providers: { openai: { baseUrl: `${provider.url}/v1`, apiKey: 'merchant-key', allowPrivate: true } },
    logger: { info: add, warn: add, error: add },
    onRecord,
  } as const satisfies SharedOptions
}

export async function startFace(
  face: Face,
  { options, seesErrors, credit = '1', build }: Building,
): Promise<RunningFace> {
  const provider = await mockProvider({ behaviour: { inputTokens: 1000, outputTokens: 100 } })
  const log: string[] = []
  const records: RequestRecord[] = []
  const waiting: { count: number; tell: () => void }[] = []
  const shared = {
    ...sharedOptions(provider, log, (record) => {
      records.push(record)
      for (const { count, tell } of waiting) if (records.length >= count) tell()
    }),
    ...options,
  }
  const app = seesErrors ? face.appThatSeesErrors(shared) : face.app(shared)
  build(app, { provider, options: shared })
  const { lava } = app
  if (credit !== '0') await lava.credit({ customer_id: 'ada', amount: credit, entry_id: 'e' })
  const server = createServer(app.listener())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  const base = `http://127.0.0.1:${address.port}`

  return {
    base,
    server,
    provider,
    lava,
    app,
    log,
    records,
    recordsDone: (count) =>
      new Promise((resolve) => {
        const tell = () => resolve(records)
        if (records.length >= count) tell()
        else waiting.push({ count, tell })
      }),
    available: async () => (await lava.canAfford({ customer_id: 'ada', amount: '0' })).available,
    call: (mount = '', body = {}, init = {}) =>
      fetch(`${base}${mount}/v1/forward?u=${encodeURIComponent(chatUrl)}`, {
        method: 'POST',
        ...init,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...init.headers },
        body: JSON.stringify({
          model: 'gpt-4o',
          max_tokens: 100,
          messages: [{ role: 'user', content: 'Hi' }],
          ...body,
        }),
      }),
    post: (path, body = '{"model":"gpt-4o","messages":[]}') =>
      fetch(`${base}${path}`, {
        method: 'POST',
        headers: { 'x-user': 'ada', 'content-type': 'application/json' },
        body,
      }),
    async close() {
      server.close()
      server.closeAllConnections()
      await Promise.all([lava.close(), provider.close()])
    },
  }
}
