// Redis server: what open() asks of it before any money is entrusted to it.
import type { Redis } from './redis-client.ts'
import { allShards, type Keys } from './redis-keys.ts'
import { scriptOf } from './redis-client.ts'

/** Version 1 wrote every record's text whole, which this one reads too; it can't read what this one writes. */
const version = '2'
const readVersions = ['1', version]

/**
 * Checks the eviction policy, the persistence and the version of what is stored.
 *
 * @throws Error when the server may evict balances, or a later version of this package has written to it.
 */
export async function checkServer(redis: Redis, keys: Keys): Promise<void> {
  const info = (await redis.send(null, 'INFO')).join('\n')
  const policy = fieldOf(info, 'maxmemory_policy')
  // The volatile policies evict keys that expire, and what must not get lost here never does.
  if (policy.startsWith('allkeys'))
    throw new Error(
      `redisStorage: this Redis evicts keys when memory is full (maxmemory-policy ${policy}), balances too: set it to noeviction`,
    )
  if (fieldOf(info, 'aof_enabled') === '0')
    process.emitWarning(
      'redisStorage: this Redis keeps no append-only file, so a crash of it loses the last acts. Set `appendonly yes`, unless your provider keeps the data otherwise.',
      { code: 'LAVA_REDIS_NOT_DURABLE' },
    )
  await redis.send(keys.schema, 'SET', keys.schema, version, 'NX')
  const [stored = ''] = await redis.send(keys.schema, 'GET', keys.schema)
  if (!readVersions.includes(stored))
    throw new Error(
      `redisStorage: the data has the schema version ${stored}, this lava-gateway knows ${version}: update the package`,
    )
  if (stored !== version) await redis.send(keys.schema, 'SET', keys.schema, version)
}

const probe = scriptOf(`return {'one'}`)

/**
 * Whether scripts may use keys of several slots: a server by itself, and not a cluster, nor a proxy that hides one. Only the
 * server knows.
 */
export async function isOneServer(redis: Redis, keys: Keys): Promise<boolean> {
  const [first = '', second = ''] = allShards.map((shard) => keys.root(shard))
  try {
    await redis.run(probe, [first, second, keys.sequence], [])
    return true
  } catch (error) {
    if (error instanceof Error && error.message.includes('CROSSSLOT')) return false
    throw error
  }
}

function fieldOf(info: string, name: string): string {
  return new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? ''
}
