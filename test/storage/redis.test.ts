import { execFileSync } from 'node:child_process'
import { setTimeout as wait } from 'node:timers/promises'
import fc from 'fast-check'
import { Cluster, Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { StorageAdapter } from '../../src/ledger/storage-adapter.ts'
import { formatMoney, money } from '../../src/money.ts'
import { redisOver } from '../../src/storage/redis-client.ts'
import { shardOf } from '../../src/storage/redis-keys.ts'
import { moneyLua } from '../../src/storage/redis-money.ts'
import { redisStorage, type IoRedisClient, type RedisClient } from '../../src/storage/redis.ts'
import { storageConformance } from '../../src/testing/conformance.ts'
import {
  countOutcomes,
  creditAct,
  expectBalance,
  holdAct,
  noonMs,
  race,
  releaseAct,
  renewAct,
  settleAct,
} from '../../src/testing/conformance/subject.ts'
import {
  clusterConnections,
  clusterUrl,
  connections,
  freshPrefix,
  isRedisAt,
  keysOf,
  redisUrl,
  removePrefix,
  sharding,
  type Connection,
} from '../support/redis-server.ts'

const isHere = await isRedisAt(redisUrl)
const warnings = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
const prefixes: string[] = []
let admin: Redis

beforeAll(() => {
  if (isHere) admin = new Redis(redisUrl)
})
afterAll(async () => {
  warnings.mockRestore()
  const clients = [...(isHere ? [admin] : []), ...(clusterUrl === '' ? [] : [new Cluster([clusterUrl])])]
  for (const client of clients) {
    for (const prefix of prefixes) await removePrefix(client, prefix)
    await client.quit()
  }
})

function ownPrefix(): string {
  const prefix = freshPrefix()
  prefixes.push(prefix)
  return prefix
}

async function opened(client: RedisClient, prefix: string, keepRecordsMs?: number): Promise<StorageAdapter> {
  const storage = redisStorage({ client, prefix, keepRecordsMs })
  await storage.open()
  return storage
}

function conform(connect: () => Promise<Connection>): void {
  const cases = storageConformance(async () => {
    const prefix = ownPrefix()
    const { client, close } = await connect()
    const adapters = [await opened(client, prefix)]
    const [storage] = adapters
    if (!storage) throw new Error('unreachable')
    const reopen = async () => {
      const again = await opened(client, prefix)
      adapters.push(again)
      return again
    }
    const dispose = async () => {
      for (const adapter of adapters) await adapter.close()
      await close()
    }
    return { storage, reopen, dispose }
  })
  for (const { name, run } of cases) test(name, run)
}

for (const [name, connect] of Object.entries(connections))
  describe.skipIf(!isHere)(`${name} (needs a Redis at ${redisUrl})`, () => conform(connect))

for (const [name, connect] of Object.entries(clusterConnections))
  describe.skipIf(clusterUrl === '')(`${name} (needs redis-server, or REDIS_CLUSTER_URL)`, () => conform(connect))

describe.skipIf(!isHere)(`the promises of redisStorage (needs a Redis at ${redisUrl})`, () => {
  test('lets several instances with a connection each share one balance', async () => {
    const prefix = ownPrefix()
    const clients = Array.from({ length: 8 }, () => new Redis(redisUrl))
    const instances = await Promise.all(clients.map((client) => opened(client, prefix)))
    const at = (index: number) => instances[index % 8] ?? instances[0]
    await instances[0]?.credit(creditAct('grant', '20'))
    const holds = await race(400, (index) => at(index)?.hold(holdAct(`request-${index >> 1}`, '0.25')) ?? never)
    const { held = 0, duplicate = 0, insufficient = 0 } = countOutcomes(holds)
    expect([held, duplicate + insufficient]).toEqual([80, 320])
    const ids = holds.flatMap(({ outcome }, index) => (outcome === 'held' ? [`request-${index >> 1}`] : []))
    const settled = await race(160, (index) => at(index)?.settle(settleAct(ids[index >> 1] ?? '', '0.2')) ?? never)
    expect(countOutcomes(settled)).toEqual({ settled: 80, duplicate: 80 })
    for (const storage of instances) await expectBalance(storage, { bundle: '4' })
    for (const client of clients) await client.quit()
  })

  test('goes on when the server forgets all scripts in the middle', async () => {
    const storage = await opened(admin, ownPrefix())
    await storage.credit(creditAct('grant', '7.35'))
    const holds = race(300, (index) => storage.hold(holdAct(`race-${index}`, '0.1')))
    const flushes = race(20, () => admin.call('SCRIPT', 'FLUSH'))
    expect(countOutcomes(await holds)).toEqual({ held: 73, insufficient: 227 })
    await flushes
    await expectBalance(storage, { bundle: '7.35', held: '7.3' })
  })

  test('conserves money when connections are cut in the middle of racing acts', async () => {
    for (const kind of ['ioredis', 'redis'] as const) {
      const { client, close } = await connections[kind]()
      const storage = await opened(client, ownPrefix())
      await storage.credit(creditAct('grant', '30'))
      for (let round = 0; round < 8; round++) {
        const [id = ''] = await redisOver(client).send(null, 'CLIENT', 'ID')
        const acts = race(25, async (index) => {
          const request_id = `request-${round}-${index}`
          await repeated(() => storage.hold(holdAct(request_id, '0.1')))
          await repeated(() => storage.settle(settleAct(request_id, '0.07')))
          await repeated(() => storage.credit(creditAct(`credit-${request_id}`, '0.01')))
        })
        expect(await admin.call('CLIENT', 'KILL', 'ID', id)).toBe(1)
        await acts
      }
      await expectBalance(storage, { bundle: '18' })
      const days = await storage.usage({ start_ms: noonMs, end_ms: noonMs, utc_offset_minutes: 0 })
      expect(days.map((day) => [day.total_requests, formatMoney(day.total_charge)])).toEqual([[200, '14.0000000000']])
      await close()
    }
  })

  test('answers an act that the client sends again by itself as the first time', async () => {
    const twice: IoRedisClient = {
      async call(command, ...args) {
        await admin.call(command, ...args)
        return admin.call(command, ...args)
      },
    }
    for (const client of [twice, sharding(twice)]) {
      const storage = await opened(client, ownPrefix())
      expect((await storage.credit(creditAct('grant', '5'))).outcome).toBe('credited')
      expect(await storage.hold(holdAct('request', '1'))).toEqual({
        outcome: 'held',
        balance: await storage.balance('ann'),
      })
      expect((await storage.settle(settleAct('request', '0.5'))).outcome).toBe('settled')
      expect((await storage.settle(settleAct('report', '0.5', { opens: true }))).outcome).toBe('settled')
      await storage.hold(holdAct('other', '1'))
      expect((await storage.release(releaseAct('other'))).outcome).toBe('released')
      await expectBalance(storage, { bundle: '4' })
    }
  })

  test('uses an id once over all customers, whichever shards they are in', async () => {
    for (const client of [admin, sharding(admin)]) {
      const storage = await opened(client, ownPrefix())
      const customers = Array.from({ length: 20 }, (_, index) => `customer-${index}`)
      const outcomes = await Promise.all(
        customers.map((customer_id) => {
          const record = { customer_id }
          return storage.settle(settleAct('same', '1', { opens: true, fingerprint: customer_id, record }))
        }),
      )
      expect(countOutcomes(outcomes)).toEqual({ settled: 1, reused: 19 })
      const record = await storage.request('same')
      for (const outcome of outcomes) if (outcome.outcome === 'reused') expect(outcome.record).toEqual(record)
      const credits = await Promise.all(
        customers.map((customer_id) => storage.credit(creditAct('same', '9', { customer_id }))),
      )
      expect(countOutcomes(credits)).toEqual({ credited: 1, reused: 19 })
    }
  })

  test('gives a claimed id without a record to whoever asks next, and never to two', async () => {
    const prefix = ownPrefix()
    const parked: (() => void)[] = []
    let isParking = false
    const slow = sharding({
      async call(command, ...args) {
        if (isParking && args.includes(`{${prefix}:${shardOf('ann')}}`))
          await new Promise<void>((go) => parked.push(go))
        return admin.call(command, ...args)
      },
    })
    const storage = await opened(sharding(admin), prefix)
    const late = await opened(slow, prefix)
    await storage.credit(creditAct('grant', '5'))
    isParking = true
    // Its claim is written, its act does not arrive: as when the process stops there.
    const first = late.hold(holdAct('request', '1', { fingerprint: 'ann' }))
    while (parked.length === 0) await wait(1)
    const second = await storage.hold(
      holdAct('request', '1', { fingerprint: 'ben', requires: 'nothing', record: { customer_id: 'ben' } }),
    )
    expect(second.outcome).toBe('held')
    isParking = false
    for (const go of parked) go()
    expect(await first).toEqual({ outcome: 'reused', record: await storage.request('request') })
    await expectBalance(storage, { bundle: '5' })
    await expectBalance(storage, { held: '1' }, 'ben')
  })

  test('names two keys of one slot that never exist to every script on a shard, so that a moving slot is left alone', async () => {
    const named = new Set<string>()
    const watching = sharding({
      call(command, ...args) {
        const keys = args.slice(2, 2 + Number(args[1]))
        if (command === 'EVALSHA' && !/:claim:|:sequence$/.test(keys[0] ?? '')) named.add(keys.join(' '))
        return admin.call(command, ...args)
      },
    })
    const prefix = ownPrefix()
    const storage = await opened(watching, prefix)
    named.clear()
    await storage.credit(creditAct('grant', '5'))
    await storage.hold(holdAct('request', '1'))
    await storage.renew({ request_id: 'request', expires_at_ms: noonMs })
    await storage.renew(renewAct('request', '2'))
    await storage.expired(noonMs, 9)
    await storage.settle(settleAct('request', '1'))
    await storage.requests({ limit: 9 })
    await storage.putDocument({ kind: 'meter', id: 'chat', document: {}, only_if_absent: false })
    expect(named.size).toBe(64)
    for (const keys of named) expect(keys).toMatch(/^(\{lava-test-\w+:\d\d\}) \1:whole$/)
    for (const key of await keysOf(admin, prefix)) expect(key).not.toMatch(/\}$|:whole$/)
  })

  test('keeps nothing of a refused hold', async () => {
    for (const client of [admin, sharding(admin)]) {
      const prefix = ownPrefix()
      const storage = await opened(client, prefix)
      const before = await keysOf(admin, prefix)
      expect((await storage.hold(holdAct('request', '1'))).outcome).toBe('insufficient')
      const added = (await keysOf(admin, prefix)).filter((key) => !before.includes(key) && !key.endsWith(':sequence'))
      const lasting = []
      for (const key of added) if ((await admin.ttl(key)) < 0) lasting.push(key)
      expect(lasting).toEqual([])
    }
  })

  test('drops finished records with all their index entries once they are older than the host keeps them', async () => {
    for (const client of [admin, sharding(admin)]) {
      const prefix = ownPrefix()
      const storage = await opened(client, prefix, 50)
      const empty = await keysOf(admin, prefix)
      const metadata = { team: 'red' }
      for (let index = 0; index < 9; index++) {
        const record = { metadata, customer_id: index % 3 ? `customer-${index}` : null }
        await storage.hold(holdAct(`request-${index}`, '0', { record }))
        if (index % 2) await storage.settle(settleAct(`request-${index}`, '0', { record }))
      }
      await wait(60)
      expect((await storage.expired(noonMs + 60_000, 9)).length).toBe(5)
      expect((await storage.requests({ limit: 9, metadata })).data.length).toBe(5)
      expect(await storage.usage({ start_ms: 0, end_ms: noonMs, utc_offset_minutes: 0 })).toEqual([])
      for (let index = 0; index < 9; index += 2) {
        const act = releaseAct(`request-${index}`)
        const customer_id = index % 3 ? `customer-${index}` : null
        const released = await storage.release({ ...act, record: { ...act.record, metadata, customer_id } })
        expect(released.outcome).toBe('released')
      }
      await wait(60)
      await storage.expired(noonMs, 1)
      const left = (await keysOf(admin, prefix)).filter(
        (key) => !empty.includes(key) && !/forfeited|:customer:|:sequence/.test(key),
      )
      expect(left).toEqual([])
      expect((await storage.hold(holdAct('request-1', '0'))).outcome).toBe('held')
      expect((await storage.request('request-1'))?.status).toBe('pending')
    }
  })

  test('finds rare combinations and exact sums among thousands of records of one millisecond', async () => {
    const storage = await opened(admin, ownPrefix())
    await race(2500, (index) => {
      const metadata = { run: index % 1250 === 7 ? 'rare' : 'usual', team: index < 1300 ? 'red' : 'blue' }
      const record = { metadata, meter_id: index % 2 ? 'chat' : 'tts' }
      return storage.settle(settleAct(`request-${index}`, '0.0000000001', { opens: true, record }))
    })
    const page = await storage.requests({ customer_id: 'ann', meter_id: 'chat', metadata: { team: 'red' }, limit: 100 })
    expect(page.data.map(({ request_id }) => request_id)).toEqual(
      Array.from({ length: 100 }, (_, index) => `request-${1299 - 2 * index}`),
    )
    const rare = await storage.requests({ metadata: { run: 'rare', team: 'red' }, limit: 5 })
    expect(rare.data.map(({ request_id }) => request_id)).toEqual(['request-1257', 'request-7'])
    const [day] = await storage.usage({ start_ms: noonMs, end_ms: noonMs, utc_offset_minutes: 0 })
    expect([day?.total_requests, day && formatMoney(day.total_charge)]).toEqual([2500, '0.0000002500'])
  })

  test('reckons in Lua as bigint does, up to 64 bits and beyond', async () => {
    const lua = `${moneyLua}
      local a, b = parse(ARGV[1]), parse(ARGV[2])
      local function bit(is) return is and '1' or '0' end
      return {text(a), text(add(a, b)), text(subtract(a, b)), bit(less(a, b)), bit(fits(a))}`
    const edges = [0n, 1n, 10n ** 10n, 10n ** 10n - 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 63n - 1n, 2n ** 63n]
    const amount = fc.oneof(
      fc.bigInt(-(2n ** 65n), 2n ** 65n),
      fc.bigInt(-(10n ** 11n), 10n ** 11n),
      fc.constantFrom(...edges.flatMap((edge) => [edge, -edge])),
    )
    await fc.assert(
      fc.asyncProperty(amount, amount, async (a, b) => {
        const fits = a < 2n ** 63n && a > -(2n ** 63n)
        const expected = [String(a), String(a + b), String(a - b), a < b ? '1' : '0', fits ? '1' : '0']
        expect(await admin.eval(lua, 0, String(a), String(b))).toEqual(expected)
      }),
      { numRuns: 2000 },
    )
  })

  test('rejects amounts beyond 64 bits and leaves everything as it was', async () => {
    for (const client of [admin, sharding(admin)]) {
      const storage = await opened(client, ownPrefix())
      await storage.credit(creditAct('grant', '900000000'))
      await expect(storage.credit({ ...creditAct('huge', '1'), amount: money(2n ** 63n) })).rejects.toThrow(RangeError)
      await expect(storage.credit(creditAct('more', '900000000'))).rejects.toThrow('does not fit 64 bits')
      const total = { customer_id: 'ann', meter_id: 'chat', cycle: '', units: 2n ** 63n, expected_total: null }
      await expect(storage.settle(settleAct('huge', '1', { opens: true, total }))).rejects.toThrow(
        'does not fit 64 bits',
      )
      expect(await storage.request('huge')).toBeNull()
      expect((await storage.requests({ limit: 5 })).data).toEqual([])
      await expectBalance(storage, { bundle: '900000000' })
      expect((await storage.credit(creditAct('more', '1'))).outcome).toBe('credited')
    }
  })

  test('closes after the acts under way, and leaves the client open', async () => {
    const storage = await opened(admin, ownPrefix())
    const acts = race(50, (index) => storage.credit(creditAct(`credit-${index}`, '1')))
    let done = 0
    void acts.then((outcomes) => (done = outcomes.length))
    await storage.close()
    expect(done).toBe(50)
    await expect(storage.balance('ann')).rejects.toThrow('redisStorage is closed: call open() first')
    expect(await admin.ping()).toBe('PONG')
    await storage.open()
    await expectBalance(storage, { bundle: '50' })
  })

  test('refuses a server that may evict balances, and warns of one that keeps no append-only file', async () => {
    const answering = (info: string): IoRedisClient => ({
      call: async (command, ...args): Promise<unknown> => (command === 'INFO' ? info : admin.call(command, ...args)),
    })
    const evicting = redisStorage({
      client: answering('maxmemory_policy:allkeys-lru\r\naof_enabled:1\r\n'),
      prefix: ownPrefix(),
    })
    await expect(evicting.open()).rejects.toThrow('maxmemory-policy allkeys-lru')
    await expect(evicting.balance('ann')).rejects.toThrow('is closed')
    warnings.mockClear()
    await opened(answering('maxmemory_policy:volatile-lru\r\naof_enabled:1\r\n'), ownPrefix())
    expect(warnings).not.toHaveBeenCalled()
    await opened(answering('maxmemory_policy:noeviction\r\naof_enabled:0\r\n'), ownPrefix())
    expect(warnings).toHaveBeenCalledWith(expect.stringContaining('appendonly yes'), { code: 'LAVA_REDIS_NOT_DURABLE' })
  })

  test('goes on with data of the first schema version, which no earlier package opens any more', async () => {
    const prefix = ownPrefix()
    const storage = await opened(admin, prefix)
    await storage.credit(creditAct('grant', '3'))
    await admin.set(`{${prefix}}:schema`, '1')
    const again = await opened(admin, prefix)
    await expectBalance(again, { bundle: '3' })
    expect(await admin.get(`{${prefix}}:schema`)).toBe('2')
  })

  test('refuses data of a later schema version', async () => {
    const prefix = ownPrefix()
    await opened(admin, prefix)
    await admin.set(`{${prefix}}:schema`, '99')
    await expect(opened(admin, prefix)).rejects.toThrow(
      'schema version 99, this lava-gateway knows 2: update the package',
    )
  })
})

test('leaves the methods of strings quick to call, although ioredis extends them', () => {
  // A process of its own, as a module is loaded once; only there can V8 be asked.
  const script = `
    await import('ioredis')
    const { redisOver } = await import('./src/storage/redis-client.ts')
    redisOver({ sendCommand: async () => '' })
    console.log(%HasFastProperties(String.prototype))`
  const args = ['--allow-natives-syntax', '--no-warnings', '--input-type=module', '--eval', script]
  expect(execFileSync(process.execPath, args, { encoding: 'utf8' })).toBe('true\n')
})

test('refuses wrong and unknown options at construction', () => {
  const client: IoRedisClient = { call: () => Promise.resolve(null) }
  expect(() => redisStorage({ client, prefix: 'a{b}' })).toThrow('option `prefix`: 1 to 100 characters without braces')
  expect(() => redisStorage({ client, keepRecordsMs: 0 })).toThrow('option `keepRecordsMs`')
  const mistyped = { client, prefx: 'lava' }
  expect(() => redisStorage(mistyped)).toThrow('unknown option `prefx`; did you mean `prefix`?')
  const none: unknown = {}
  expect((): unknown => Reflect.apply(redisStorage, null, [{ client: none }])).toThrow(
    'a client of `ioredis` or `redis`',
  )
})

const never: Promise<{ outcome: string }> = Promise.resolve({ outcome: 'never' })

/** Repeats an act with its id until it resolves, as the gateway does when the storage was away. */
async function repeated(act: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await act()
      return
    } catch {
      await wait(1)
    }
  }
}
