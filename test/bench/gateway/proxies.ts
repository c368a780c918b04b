// The proxies that are compared: each a listener for node:http, and how it is called.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, createServer, request, type RequestListener, type Server } from 'node:http'
import { connect } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import express from 'express'
import { createProxyMiddleware } from 'http-proxy-middleware'
import Koa from 'koa'
import type { LavaMembers, StorageAdapter } from 'lava-gateway'

/** A running proxy, as its process knows it. */
export interface RunningProxy {
  port: number
  /** Null: it bills nobody. */
  billing: { lava: LavaMembers; storage: StorageAdapter } | null
  /** Ends what was made for it. */
  remove: () => Promise<void>
}

/** How the load calls a proxy. */
export interface Calling {
  path: string
  /** Of one of many customers. */
  headers: (customer: string) => Record<string, string>
}

export interface ProxyOptions {
  providerPort: number
  /** A folder of its own. */
  folder: string
  /** Tells apart what is made in a shared database. */
  label: string
}

const secretKey = 'aks_test_benchbenchbenchbench'
const chatPath = '/v1/chat/completions'
const chatUrl = `https://api.openai.com${chatPath}`

const plain: Calling = { path: chatPath, headers: () => ({ authorization: 'Bearer sk-bench' }) }

const billed: Calling = {
  path: `/v1/forward?u=${encodeURIComponent(chatUrl)}`,
  headers: (customer_id) => {
    const token = JSON.stringify({ secret_key: secretKey, customer_id, meter_slug: 'chat' })
    return { authorization: `Bearer ${Buffer.from(token).toString('base64')}` }
  },
}

/** @param providerPort where the peer gateway is told to call. */
export function callingOf(proxy: string, providerPort: number): Calling {
  if (proxy.startsWith('lava-')) return billed
  if (proxy !== 'portkey') return plain
  return {
    path: chatPath,
    headers: () => ({
      authorization: 'Bearer sk-bench',
      'x-portkey-provider': 'openai',
      'x-portkey-custom-host': `http://127.0.0.1:${providerPort}/v1`,
      // Else it keeps the header to itself.
      'x-portkey-forward-headers': 'x-bench-answer',
    }),
  }
}

/** `lava-koa-sqlite` of `lava-koa-sqlite@../other`, which is that of another checkout. */
export function kindOf(proxy: string): string {
  return proxy.replace(/@.*/, '')
}

/** On Node 24 the peer's version 1.15.2 answers every stream with an error of its own (`TypeError: immutable`). */
export function takesStreams(proxy: string): boolean {
  return proxy !== 'portkey'
}

/** What another proxy's figures are divided by: the bare proxy on the same framework. */
export function baselineOf(proxy: string): string {
  if (proxy.includes('express')) return 'bare-express'
  return proxy.includes('koa') ? 'bare-koa' : 'bare-http'
}

interface OpenStorage {
  storage: StorageAdapter
  /** Takes away what was made for it. */
  end: () => Promise<void>
}

// What a proxy does not use is not loaded: it would be counted as its memory. The package is measured as it is built.
const storages: Record<string, (options: ProxyOptions) => Promise<OpenStorage>> = {
  async memory() {
    const { memoryStorage } = await import('lava-gateway/storage/memory')
    return { storage: memoryStorage(), end: nothing }
  },
  async sqlite({ folder }) {
    const { sqliteStorage } = await import('lava-gateway/storage/sqlite')
    return { storage: sqliteStorage({ path: `${folder}/lava.db` }), end: nothing }
  },
  async postgres({ label }) {
    const { Pool } = (await import('pg')).default
    const { postgresStorage } = await import('lava-gateway/storage/postgres')
    const pool = new Pool({ connectionString: process.env.DATABASE_URL ?? 'postgres://postgres@127.0.0.1:5432/test', max: 16 }) // prettier-ignore
    const schema = `lava_bench_${label}`
    await pool.query('SELECT 1')
    const end = async () => {
      await pool.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`)
      await pool.end()
    }
    return { storage: postgresStorage({ pool, schema }), end }
  },
  async redis({ label }) {
    const { Redis } = await import('ioredis')
    const { redisStorage } = await import('lava-gateway/storage/redis')
    const client = new Redis(process.env.REDIS_URL ?? 'redis://127.0.0.1:6379', { lazyConnect: true, maxRetriesPerRequest: 1, retryStrategy: () => null }) // prettier-ignore
    await client.connect()
    const prefix = `lava-bench-${label}`
    const end = async () => {
      for await (const keys of client.scanStream({ match: `*${prefix}*`, count: 10_000 })) {
        const found: unknown = keys
        if (Array.isArray(found) && found.length > 0) await client.unlink(found.map(String))
      }
      await client.quit()
    }
    return { storage: redisStorage({ client, prefix }), end }
  },
}

const makers: Record<string, (options: ProxyOptions) => Promise<RunningProxy> | RunningProxy> = {
  /** The limit: what Node itself needs to pass a call on. */
  'raw-http': ({ providerPort }) => {
    const agent = new Agent({ keepAlive: true })
    return served((req, res) => {
      const { method, headers, url } = req
      const onward = request({ host: '127.0.0.1', port: providerPort, path: url, method, headers, agent }, (answer) => {
        res.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(res)
      })
      onward.on('error', () => res.destroy())
      res.on('close', () => {
        if (!res.writableFinished) onward.destroy()
      })
      req.pipe(onward)
    })
  },
  ...bare('', (agent) => new Agent({ keepAlive: agent })),
  ...bare('-default-agent', () => undefined),
  ...gateways(),
  portkey: async () => {
    const port = await freePort()
    // Its start script takes its port from the command line.
    process.argv.push(`--port=${port}`, '--headless')
    const script = '@portkey-ai/gateway/build/start-server.js'
    await import(script)
    await listening(port)
    return { port, billing: null, remove: nothing }
  },
}

export const proxyNames: readonly string[] = Object.keys(makers)

/** Starts a proxy. Rejects when what it needs is away (a database server). */
export async function startProxy(name: string, options: ProxyOptions): Promise<RunningProxy> {
  const make = makers[name]
  assert.ok(make, `no such proxy: ${name}`)
  return make(options)
}

/** What a user would write by hand, on each framework. */
function bare(suffix: string, agentOf: (keepAlive: true) => Agent | undefined): typeof makers {
  const middleware = ({ providerPort }: ProxyOptions) => {
    const agent = agentOf(true)
    return createProxyMiddleware({
      target: `http://127.0.0.1:${providerPort}`,
      changeOrigin: true,
      ...(agent ? { agent } : {}),
    })
  }
  return {
    [`bare-http${suffix}`]: (options) => {
      const proxy = middleware(options)
      return served((req, res) => void proxy(req, res))
    },
    [`bare-express${suffix}`]: (options) => {
      const app = express()
      app.use(middleware(options))
      return served(app)
    },
    [`bare-koa${suffix}`]: (options) => {
      const proxy = middleware(options)
      const app = new Koa()
      app.use(async (ctx) => {
        ctx.respond = false
        await proxy(ctx.req, ctx.res)
      })
      return served(listenerOf(app))
    },
  }
}

function gateways(): typeof makers {
  const made: typeof makers = {}
  for (const [storageName, open] of Object.entries(storages)) {
    made[`lava-express-${storageName}`] = async (options) => {
      const { lavaGateway } = await import('lava-gateway')
      const { storage, end } = await open(options)
      const lava = lavaGateway(gatewayOptions(storage, options))
      const app = express()
      app.use(lava)
      return withBilling(app, lava, storage, end)
    }
    made[`lava-koa-${storageName}`] = async (options) => {
      const { lavaGateway } = await import('lava-gateway/koa')
      const { storage, end } = await open(options)
      const lava = lavaGateway(gatewayOptions(storage, options))
      const app = new Koa()
      app.use(lava)
      return withBilling(listenerOf(app), lava, storage, end)
    }
  }
  return made
}

/** Koa's listener resolves when its middleware has run; Node does not look. */
function listenerOf(app: Koa): RequestListener {
  const listener = app.callback()
  return (req, res) => void listener(req, res)
}

function gatewayOptions(storage: StorageAdapter, { providerPort, folder }: ProxyOptions) {
  return {
    storage,
    secretKey,
    journalPath: `${folder}/journal.db`,
    providers: { openai: { baseUrl: `http://127.0.0.1:${providerPort}/v1`, apiKey: 'sk-bench', allowPrivate: true } },
    meters: [
      {
        meter_slug: 'chat',
        name: 'Chat: cost plus 20 %',
        rate_type: 'percentage',
        tier_type: 'tokens_1m',
        tiers: [{ start: '0', rate: '120' }],
      },
    ],
  } as const
}

async function withBilling(
  listener: RequestListener,
  lava: LavaMembers,
  storage: StorageAdapter,
  end: () => Promise<void>,
): Promise<RunningProxy> {
  const remove = async () => {
    await lava.close()
    await end()
  }
  return { ...(await served(listener)), billing: { lava, storage }, remove }
}

async function served(listener: RequestListener): Promise<RunningProxy> {
  const server = createServer({ keepAliveTimeout: 120_000 }, listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: portOf(server), billing: null, remove: nothing }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const port = portOf(probe)
  probe.close()
  await once(probe, 'close')
  return port
}

function portOf(server: Server): number {
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  return address.port
}

/** Its start script does not say when it listens. */
async function listening(port: number): Promise<void> {
  for (;;) {
    const socket = connect(port, '127.0.0.1')
    const isOpen = await once(socket, 'connect').then(() => true, () => false) // prettier-ignore
    socket.destroy()
    if (isOpen) return
    await setImmediate()
  }
}

function nothing(): Promise<void> {
  return Promise.resolve()
}
