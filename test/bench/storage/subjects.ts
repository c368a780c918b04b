// What the storage benchmark measures: each storage with a database of its own, gone afterwards.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { StorageAdapter } from '../../../src/ledger/storage-adapter.ts'
import { memoryStorage } from '../../../src/storage/memory.ts'
import { sqliteStorage } from '../../../src/storage/sqlite.ts'

export interface BenchSubject {
  /** Opened and empty. */
  storage: StorageAdapter
  /** The least that one durable round trip to this storage can be; null when there is none. */
  bare: { name: string; run: () => Promise<unknown> } | null
  remove: () => Promise<void>
}

/** Makes a subject. Rejects when its server is away, with the reason. */
export type MakeSubject = () => Promise<BenchSubject>

export const subjects: Record<string, MakeSubject> = {
  memory: async () => {
    const storage = memoryStorage()
    await storage.open()
    return { storage, bare: null, remove: () => storage.close() }
  },
  'sqlite-full': () => sqliteSubject('full'),
  'sqlite-normal': () => sqliteSubject('normal'),
  postgres: postgresSubject,
  redis: redisSubject,
}

async function sqliteSubject(synchronous: 'full' | 'normal'): Promise<BenchSubject> {
  const folder = await mkdtemp(join(tmpdir(), 'lava-bench-'))
  const storage = sqliteStorage({ path: join(folder, 'lava.db'), synchronous })
  await storage.open()
  const beside = new DatabaseSync(join(folder, 'bare.db'))
  beside.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${synchronous}`)
  const [begin, commit] = [beside.prepare('BEGIN IMMEDIATE'), beside.prepare('COMMIT')]
  const run = () =>
    new Promise<void>((resolve) => {
      begin.run()
      commit.run()
      resolve()
    })
  return {
    storage,
    bare: { name: 'empty BEGIN IMMEDIATE + COMMIT', run },
    async remove() {
      beside.close()
      await storage.close()
      await rm(folder, { recursive: true })
    },
  }
}

async function postgresSubject(): Promise<BenchSubject> {
  const connectionString = process.env.DATABASE_URL ?? 'postgres://postgres@127.0.0.1:5432/test'
  const pool = construct(await exported('pg', 'Pool'), { connectionString, max: 16 })
  const schema = `lava_bench_${process.pid}`
  await send(pool, 'query', 'SELECT 1')
  const storage = await openedStorage('postgres', 'postgresStorage', { pool, schema })
  return {
    storage,
    bare: { name: 'SELECT 1', run: () => send(pool, 'query', 'SELECT 1') },
    async remove() {
      await storage.close()
      await send(pool, 'query', `DROP SCHEMA ${schema} CASCADE`)
      await send(pool, 'end')
    },
  }
}

async function redisSubject(): Promise<BenchSubject> {
  const url = process.env.REDIS_URL ?? 'redis://127.0.0.1:6379'
  const client = construct(await exported('ioredis', 'Redis'), url, {
    lazyConnect: true,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  })
  await send(client, 'connect')
  const prefix = `lava-bench-${process.pid}`
  const storage = await openedStorage('redis', 'redisStorage', { client, prefix })
  return {
    storage,
    bare: { name: 'PING', run: () => send(client, 'ping') },
    async remove() {
      await storage.close()
      let cursor = '0'
      do {
        const found = await send(client, 'scan', cursor, 'MATCH', `*${prefix}*`, 'COUNT', 10_000)
        assert.ok(Array.isArray(found) && typeof found[0] === 'string' && Array.isArray(found[1]))
        cursor = found[0]
        if (found[1].length > 0) await send(client, 'unlink', ...Array.from<unknown>(found[1]))
      } while (cursor !== '0')
      await send(client, 'quit')
    },
  }
}

/** A storage of this package that may not be there: it is not imported by name. */
async function openedStorage(file: string, factory: string, options: object): Promise<StorageAdapter> {
  const make = await exported(new URL(`../../../src/storage/${file}.ts`, import.meta.url).href, factory)
  assert.ok(typeof make === 'function', `${factory} is a function`)
  const storage: unknown = Reflect.apply(make, undefined, [options])
  assert.ok(isStorage(storage), `${factory} makes a storage`)
  await storage.open()
  return storage
}

function isStorage(value: unknown): value is StorageAdapter {
  return typeof value === 'object' && value !== null && 'hold' in value && 'settle' in value
}

async function exported(specifier: string, name: string): Promise<unknown> {
  const found: unknown = await import(specifier)
  assert.ok(typeof found === 'object' && found !== null)
  const value: unknown = Reflect.get(found, name)
  return value
}

function construct(type: unknown, ...parts: unknown[]): unknown {
  assert.ok(typeof type === 'function', 'a class')
  const made: unknown = Reflect.construct(type, parts)
  return made
}

/** Calls a method of a client whose package may not be installed, so that its types are unknown here. */
function send(client: unknown, method: string, ...parts: unknown[]): Promise<unknown> {
  assert.ok(typeof client === 'object' && client !== null)
  const found: unknown = Reflect.get(client, method)
  assert.ok(typeof found === 'function', `the client has ${method}`)
  return Promise.resolve(Reflect.apply(found, client, parts))
}
