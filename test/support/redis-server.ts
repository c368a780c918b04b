// The Redis that tests run against: REDIS_URL, else the local default port; and a cluster at REDIS_CLUSTER_URL.
import { randomBytes } from 'node:crypto'
import { Cluster, Redis } from 'ioredis'
import { createClient, createCluster } from 'redis'
import type { IoRedisClient, RedisClient } from '../../src/storage/redis.ts'

export const redisUrl = process.env.REDIS_URL ?? 'redis://127.0.0.1:6379'
export const clusterUrl = process.env.REDIS_CLUSTER_URL ?? ''

/** Whether a Redis answers there. */
export async function isRedisAt(url: string): Promise<boolean> {
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => null })
  redis.on('error', () => undefined)
  try {
    await redis.ping()
    return true
  } catch {
    return false
  } finally {
    redis.disconnect()
  }
}

export interface Connection {
  client: RedisClient
  close: () => Promise<void>
}

export const connections = {
  ioredis: () => Promise.resolve(connectionOf(new Redis(redisUrl))),
  async redis() {
    const client = await createClient({ url: redisUrl }).connect()
    client.on('error', () => undefined)
    return { client, close: () => client.close() }
  },
  'ioredis through a proxy that hides several servers'() {
    const redis = new Redis(redisUrl)
    return Promise.resolve({ ...connectionOf(redis), client: sharding(redis) })
  },
} satisfies Record<string, () => Promise<Connection>>

export const clusterConnections = {
  'ioredis on a cluster': () => Promise.resolve(connectionOf(new Cluster([clusterUrl]))),
  async 'redis on a cluster'() {
    const client = createCluster({ rootNodes: [{ url: clusterUrl }] })
    await client.connect()
    return { client, close: () => client.close() }
  },
} satisfies Record<string, () => Promise<Connection>>

/** Answers as a cluster does when the keys of a command lie in several slots. */
export function sharding(client: IoRedisClient): IoRedisClient {
  return {
    call(command, ...args) {
      const keys = command.startsWith('EVAL') ? args.slice(2, 2 + Number(args[1])) : args.slice(0, 1)
      const tags = new Set(keys.map((key) => /\{(.+?)\}/.exec(key)?.[1] ?? key))
      if (tags.size > 1) return Promise.reject(new Error("CROSSSLOT Keys in request don't hash to the same slot"))
      return client.call(command, ...args)
    },
  }
}

/** For one test; `removePrefix` takes its keys out again. */
export function freshPrefix(): string {
  return `lava-test-${randomBytes(6).toString('hex')}`
}

export async function keysOf(redis: Redis, prefix: string): Promise<string[]> {
  const keys: string[] = []
  let cursor = '0'
  do {
    const [next, found] = await redis.scan(cursor, 'MATCH', `{${prefix}*`, 'COUNT', 1000)
    keys.push(...found)
    cursor = next
  } while (cursor !== '0')
  return [...new Set(keys)].sort()
}

/** On a cluster from each of its nodes. */
export async function removePrefix(redis: Redis | Cluster, prefix: string): Promise<void> {
  for (const node of redis instanceof Cluster ? redis.nodes('master') : [redis])
    for (const key of await keysOf(node, prefix)) await node.unlink(key)
}

function connectionOf(client: Redis | Cluster): Connection {
  // A cut connection comes back by itself.
  client.on('error', () => undefined)
  return {
    client,
    async close() {
      await client.quit()
    },
  }
}
