// Redis client: the host's own `ioredis` or `redis` client, and scripts run on it, each in one round trip.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'

/** `Redis` and `Cluster` of ioredis. */
export interface IoRedisClient {
  call(command: string, ...args: string[]): Promise<unknown>
}

/** `createClient()` and `createClientPool()` of redis (node-redis). */
export interface NodeRedisClient {
  sendCommand(args: readonly string[]): Promise<unknown>
}

/** `createCluster()` of redis (node-redis), which asks for the key that says where a command goes. */
export interface NodeRedisCluster {
  sendCommand(firstKey: string | undefined, isReadonly: boolean | undefined, args: string[]): Promise<unknown>
  nodeClient(node: never): unknown
}

export type RedisClient = IoRedisClient | NodeRedisClient | NodeRedisCluster

/** Text of Lua, and the name under which the server keeps it. */
export interface Script {
  lua: string
  sha: string
}

/** Sends commands. Replies are flat lists of text; what Redis answers as nil is `''`. */
export interface Redis {
  /** `key` says where the command goes on a cluster; null: anywhere. */
  send(key: string | null, ...command: string[]): Promise<string[]>
  /** Runs a script: one round trip, and a second one when the server does not know it yet (a restart, SCRIPT FLUSH). */
  run(script: Script, keys: readonly [string, ...string[]], args: readonly string[]): Promise<string[]>
}

export function scriptOf(...parts: string[]): Script {
  const lua = parts.join('\n')
  return { lua, sha: createHash('sha1').update(lua).digest('hex') }
}

export function isRedisClient(client: unknown): client is RedisClient {
  return isIoRedis(client) || hasFunction(client, 'sendCommand')
}

export function redisOver(client: RedisClient): Redis {
  mendStringMethods()
  const command = commandOf(client)
  return {
    send: async (key, ...args) => textsOf(await command(key, args)),
    async run({ lua, sha }, keys, args) {
      const rest = [String(keys.length), ...keys, ...args]
      try {
        return textsOf(await command(keys[0], ['EVALSHA', sha, ...rest]))
      } catch (error) {
        // Nothing has run, so that this is no repetition.
        if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
        return textsOf(await command(keys[0], ['EVAL', lua, ...rest]))
      }
    },
  }
}

/**
 * ioredis extends `String` (for RESP's verbatim strings). V8 then keeps the methods of all strings in a table that code looks
 * them up in at every call, in the whole process: counting the tokens of a request takes three times as long. Before it goes
 * over their names, of which none is listed, it lays them out for quick access again.
 */
function mendStringMethods(): void {
  const methods: object = String.prototype
  for (const _ in methods) return
}

/** The one place that tells the clients apart, by what they can do, so that neither package is imported. */
function commandOf(client: RedisClient): (key: string | null, args: string[]) => Promise<unknown> {
  if (isIoRedis(client)) return (_, [name = '', ...args]) => client.call(name, ...args)
  if (isNodeRedisCluster(client)) return (key, args) => client.sendCommand(key ?? undefined, false, args)
  return (_, args) => client.sendCommand(args)
}

function isIoRedis(client: unknown): client is IoRedisClient {
  return hasFunction(client, 'call')
}

function isNodeRedisCluster(client: NodeRedisClient | NodeRedisCluster): client is NodeRedisCluster {
  return hasFunction(client, 'nodeClient')
}

function hasFunction(client: unknown, name: string): boolean {
  return typeof client === 'object' && client !== null && typeof Reflect.get(client, name) === 'function'
}

function textsOf(reply: unknown): string[] {
  return (Array.isArray(reply) ? reply : [reply]).map((part: unknown) => {
    if (part === null) return ''
    assert.ok(typeof part === 'string' || typeof part === 'number', 'the Redis client answers text, not buffers')
    return String(part)
  })
}
