// Redis storage: balances and records in the host's own Redis, for any number of instances.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import { emptyBalance } from '../ledger/balance.ts'
import type { StorageAdapter } from '../ledger/storage-adapter.ts'
import { parseOptions } from '../option.ts'
import { actScripts, actsOn } from './redis-acts.ts'
import { claimsOn } from './redis-claims.ts'
import { isRedisClient, redisOver, type Redis, type RedisClient } from './redis-client.ts'
import { documentsOn } from './redis-documents.ts'
import { totalField } from './redis-finish.ts'
import { grouped } from './redis-groups.ts'
import { keysWith, shardOf, type Keys } from './redis-keys.ts'
import { listingsOn } from './redis-listings.ts'
import { balanceIn, readRows, recordIn } from './redis-rows.ts'
import { checkServer, isOneServer } from './redis-server.ts'
import { sweep } from './redis-sweep.ts'
import { usageOver } from './redis-usage.ts'
import { UnderWay } from './under-way.ts'

export type { IoRedisClient, NodeRedisClient, NodeRedisCluster, RedisClient } from './redis-client.ts'

export interface RedisStorageOptions {
  /**
   * The host's own connected client: `Redis` or `Cluster` of `ioredis`; `createClient()`, `createClientPool()` or
   * `createCluster()` of `redis`. It stays the host's: `close()` leaves it open.
   */
  client: RedisClient
  /** The beginning of every key. Default `lava`: keys are `{lava:07}:…`. */
  prefix?: string | undefined
  /**
   * How long a record is kept after it was created, in milliseconds; finished ones that are older are dropped when recovery
   * looks for expired holds (every minute). Default: for ever. An id whose record was dropped is new again, so keep records
   * longer than anyone retries. Pending records, balances, totals and the ids of credits are always kept.
   */
  keepRecordsMs?: number | undefined
}

/**
 * Keeps balances and records in Redis or Valkey, 6.2 or later, on one server, behind Sentinel or on a cluster. Each act is
 * one Lua script in one round trip, which acts that come together share; on a cluster each goes by itself, and one on a new id
 * takes two.
 *
 * An act is as durable as the server makes it. `appendfsync always`: on disk before the act resolves. `everysec`: a crash of
 * the server loses up to a second of acts. Without an append-only file: all since the last snapshot; `open` emits a warning
 * (`LAVA_REDIS_NOT_DURABLE`). Replication is asynchronous, so that a failover loses what the replica had not got yet. What is
 * lost is lost as whole acts: balances, holds and records still add up, on a cluster for each customer by itself.
 *
 * @throws TypeError when an option is unknown or wrong. `open` rejects when the server may evict balances.
 * @example
 * import { Redis } from 'ioredis'
 * lavaGateway({ storage: redisStorage({ client: new Redis(process.env.REDIS_URL) }) })
 * @example
 * import { createClient } from 'redis'
 * const client = await createClient({ url: process.env.REDIS_URL }).connect()
 * lavaGateway({ storage: redisStorage({ client, keepRecordsMs: 400 * 24 * 3_600_000 }) })
 */
export function redisStorage(options: RedisStorageOptions): StorageAdapter {
  const { client, prefix, keepRecordsMs } = parseOptions(optionsSchema, options, 'redisStorage')
  const redis = redisOver(client)
  const keys = keysWith(prefix)
  const underWay = new UnderWay()
  let opening: Promise<Ready> | null = null
  let opened: Ready | null = null

  const through = <Result>(act: (ready: Ready) => Promise<Result>): Promise<Result> => {
    if (opened) return underWay.add(act(opened))
    if (!opening) return Promise.reject(new Error('redisStorage is closed: call open() first'))
    return underWay.add(opening.then(act))
  }
  return {
    async open() {
      const attempt = (opening ??= readyOn(redis, keys, keepRecordsMs))
      try {
        const ready = await attempt
        if (opening === attempt) opened = ready
      } catch (error) {
        if (opening === attempt) opening = null
        throw error
      }
    },
    async close() {
      opening = opened = null
      await underWay.ended()
    },
    hold: (act) => through((ready) => ready.hold(act)),
    settle: (act) => through((ready) => ready.settle(act)),
    release: (act) => through((ready) => ready.release(act)),
    renew: (act) => through((ready) => ready.renew(act)),
    credit: (act) => through((ready) => ready.credit(act)),
    balance: (customer_id) => through((ready) => ready.balance(customer_id)),
    meterTotal: (of) => through((ready) => ready.meterTotal(of)),
    expired: (now_ms, limit) => through((ready) => ready.expired(now_ms, limit)),
    request: (request_id) => through((ready) => ready.request(request_id)),
    requests: (query) => through((ready) => ready.requests(query)),
    usage: (query) => through((ready) => ready.usage(query)),
    document: (kind, id) => through((ready) => ready.document(kind, id)),
    putDocument: (act) => through((ready) => ready.putDocument(act)),
    documents: (kind, page) => through((ready) => ready.documents(kind, page)),
    deleteDocument: (kind, id) => through((ready) => ready.deleteDocument(kind, id)),
  }
}

const optionsSchema = z.strictObject({
  client: z.custom<RedisClient>(isRedisClient, 'a client of `ioredis` or `redis`'),
  prefix: z
    .string()
    .regex(/^[^{}]{1,100}$/, '1 to 100 characters without braces')
    .default('lava'),
  keepRecordsMs: z.int().positive().optional(),
})

type Ready = Omit<StorageAdapter, 'open' | 'close'>

async function readyOn(redis: Redis, keys: Keys, keepRecordsMs: number | undefined): Promise<Ready> {
  await checkServer(redis, keys)
  const onOneServer = await isOneServer(redis, keys)
  const acting = onOneServer ? grouped(redis, actScripts) : redis
  const claims = claimsOn(acting, keys, onOneServer)
  const listings = listingsOn(redis, keys)
  return {
    ...actsOn(acting, keys, claims, tokens()),
    async balance(customer_id) {
      const key = `${keys.root(shardOf(customer_id))}:customer:${customer_id}`
      return balanceIn(await redis.send(key, 'HMGET', key, 'cycle', 'bundle', 'held')) ?? { ...emptyBalance }
    },
    async meterTotal({ customer_id, meter_id, cycle }) {
      const key = `${keys.root(shardOf(customer_id))}:total:${customer_id}`
      const [total = ''] = await redis.send(key, 'HGET', key, totalField({ meter_id, cycle }))
      return BigInt(total)
    },
    async request(request_id) {
      const shard = await claims.shardOfId('request', request_id)
      return shard === '' ? null : recordIn(await redis.run(readRows, keys.scriptKeys(shard), [request_id]))
    },
    async requests(query) {
      checkLimit(query.limit)
      return listings.requests(query)
    },
    async expired(now_ms, limit) {
      checkLimit(limit)
      if (keepRecordsMs !== undefined) await sweep(redis, keys, claims, keepRecordsMs)
      return listings.expired(now_ms, limit)
    },
    usage: (query) => usageOver(redis, keys, query),
    ...documentsOn(redis, keys),
  }
}

/** Each names one attempt at an act, in all processes. */
function tokens(): () => string {
  const instance = randomBytes(9).toString('base64url')
  let count = 0
  return () => `${instance}${(count++).toString(36)}`
}

function checkLimit(limit: number): void {
  assert.ok(Number.isSafeInteger(limit) && limit > 0, 'a limit is a positive whole number')
}
