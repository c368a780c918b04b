// Connections to the database servers of a chaos run; their drivers are loaded only when one is asked for.
import { createConnection } from 'node:net'

/** What chaos itself needs of a `pg` pool. */
export interface PostgresPool {
  query(text: string, values?: readonly unknown[]): Promise<{ rows: unknown[] }>
  on(event: 'error', listener: (error: Error) => void): unknown
  end(): Promise<void>
}

/** What chaos itself needs of an `ioredis` client. */
export interface RedisClient {
  info(section: string): Promise<string>
  select(database: number): Promise<unknown>
  client(...command: string[]): Promise<unknown>
  flushdb(): Promise<unknown>
  quit(): Promise<unknown>
  on(event: 'error', listener: (error: Error) => void): unknown
}

export function postgresUrl(): string {
  return process.env.DATABASE_URL ?? 'postgres://postgres@127.0.0.1:5432/test'
}

export function redisUrl(): string {
  return process.env.REDIS_URL ?? 'redis://127.0.0.1:6379'
}

export async function connectPostgres(connectionString: string): Promise<PostgresPool> {
  const pool = await construct('pg', 'Pool', { connectionString, max: 10 })
  if (!isPool(pool)) throw new TypeError('pg.Pool is no pool')
  // A cut connection that was idle is told here; the pool opens another.
  pool.on('error', () => undefined)
  return pool
}

export async function connectRedis(url: string): Promise<RedisClient> {
  const client = await construct('ioredis', 'Redis', url)
  if (!isClient(client)) throw new TypeError('ioredis.Redis is no client')
  // It connects again by itself.
  client.on('error', () => undefined)
  return client
}

/** Whether a module is installed, and a server answers at the URL. */
export async function isThere(module: string, url: string): Promise<boolean> {
  const installed = await import(module).then(
    () => true,
    () => false,
  )
  return installed && (await listens(new URL(url)))
}

function listens({ hostname, port }: URL): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: hostname, port: Number(port) })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

/** The drivers are CommonJS or ESM; either way the class is under its name. */
async function construct(module: string, name: string, options: unknown): Promise<unknown> {
  const loaded: unknown = await import(module)
  const here = property(loaded, name) ?? property(property(loaded, 'default'), name)
  if (typeof here !== 'function') throw new TypeError(`${module} has no ${name}`)
  return Reflect.construct(here, [options])
}

function property(value: unknown, name: string): unknown {
  const holds = (typeof value === 'object' && value !== null) || typeof value === 'function'
  return holds ? Reflect.get(value, name) : undefined
}

function isPool(value: unknown): value is PostgresPool {
  return typeof property(value, 'query') === 'function'
}

function isClient(value: unknown): value is RedisClient {
  return typeof property(value, 'quit') === 'function'
}
