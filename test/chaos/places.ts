// Places: where a chaos run keeps its data (a SQLite file, a PostgreSQL database, a Redis database), made for it and removed after it.
import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { StorageAdapter } from '../../src/ledger/storage-adapter.ts'
import { sqliteStorage } from '../../src/storage/sqlite.ts'
import { connectPostgres, connectRedis, postgresUrl, redisUrl } from './connections.ts'

export const storageKinds = ['sqlite', 'postgres', 'redis'] as const
export type StorageKind = (typeof storageKinds)[number]

export interface Place {
  kind: StorageKind
  /** The file's path, or the database's URL. */
  at: string
}

/** A storage on a place, and the end of the connections under it. */
export interface OpenPlace {
  storage: StorageAdapter
  end(): Promise<void>
}

export interface MadePlace {
  place: Place
  /** Cuts the connections of all gateways, as a database that fails over does; resolves with how many. */
  cutConnections(): Promise<number>
  remove(): Promise<void>
}

export function placeFromEnvironment({
  STORAGE,
  STORAGE_AT = '',
}: Readonly<Record<string, string | undefined>>): Place {
  const kind = storageKinds.find((name) => name === STORAGE)
  if (!kind) throw new TypeError(`STORAGE is one of ${storageKinds.join(', ')}`)
  return { kind, at: STORAGE_AT }
}

export async function openPlace({ kind, at }: Place): Promise<OpenPlace> {
  if (kind === 'sqlite') return { storage: sqliteStorage({ path: at }), end: () => Promise.resolve() }
  if (kind === 'postgres') {
    const pool = await connectPostgres(at)
    const make = await factory('postgres', 'postgresStorage')
    return { storage: make({ pool }), end: () => pool.end() }
  }
  const client = await connectRedis(at)
  const make = await factory('redis', 'redisStorage')
  const end = async () => {
    await client.quit()
  }
  return { storage: make({ client }), end }
}

/** @param name part of the database's name: unique on its server. */
export async function makePlace(kind: StorageKind, name: string): Promise<MadePlace> {
  if (kind === 'postgres') return makePostgres(name)
  if (kind === 'redis') return makeRedis()
  const folder = mkdtempSync(join(tmpdir(), 'lava-chaos-'))
  return {
    place: { kind, at: join(folder, 'lava.db') },
    cutConnections: () => Promise.resolve(0),
    remove: () => rm(folder, { recursive: true, force: true }),
  }
}

async function makePostgres(name: string): Promise<MadePlace> {
  const server = await connectPostgres(postgresUrl())
  const database = `lava_chaos_${name}`
  await server.query(`CREATE DATABASE ${database}`)
  const at = new URL(postgresUrl())
  at.pathname = `/${database}`
  return {
    place: { kind: 'postgres', at: at.href },
    async cutConnections() {
      const { rows } = await server.query(
        'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()',
        [database],
      )
      return rows.length
    },
    async remove() {
      await server.query(`DROP DATABASE ${database} WITH (FORCE)`)
      await server.end()
    },
  }
}

/** Takes a numbered database that is empty, so that nobody else's data is near. */
async function makeRedis(): Promise<MadePlace> {
  const server = await connectRedis(redisUrl())
  const used = new Set([...(await server.info('keyspace')).matchAll(/^db(\d+):/gm)].map(([, number]) => number))
  const number = Array.from({ length: 15 }, (_, index) => String(15 - index)).find((each) => !used.has(each))
  if (number === undefined) throw new Error('every database of the Redis server is in use')
  await server.select(Number(number))
  const at = new URL(redisUrl())
  at.pathname = `/${number}`
  return {
    place: { kind: 'redis', at: at.href },
    async cutConnections() {
      const own = String(await server.client('ID'))
      const clients = String(await server.client('LIST')).split('\n')
      const ids = clients
        .filter((line) => line.split(' ').includes(`db=${number}`))
        .map((line) => /^id=(\d+)/.exec(line)?.[1] ?? own)
      const others = ids.filter((id) => id !== own)
      for (const id of others) await server.client('KILL', 'ID', id)
      return others.length
    },
    async remove() {
      await server.flushdb()
      await server.quit()
    },
  }
}

type Factory = (options: object) => StorageAdapter

/** Loaded by its name: a run needs only the storage that it is asked for. */
async function factory(file: string, name: string): Promise<Factory> {
  const module: unknown = await import(`../../src/storage/${file}.ts`)
  const made: unknown = typeof module === 'object' && module !== null ? Reflect.get(module, name) : undefined
  if (!isFactory(made)) throw new TypeError(`src/storage/${file}.ts has no ${name}`)
  return made
}

function isFactory(value: unknown): value is Factory {
  return typeof value === 'function'
}
