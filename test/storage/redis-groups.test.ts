// What acts that share a script on Redis still promise, each for itself.
import fc from 'fast-check'
import { Redis } from 'ioredis'
import { afterAll, describe, expect, test, vi } from 'vitest'
import type { StorageAdapter } from '../../src/ledger/storage-adapter.ts'
import { money, parseMoney } from '../../src/money.ts'
import { shardOf } from '../../src/storage/redis-keys.ts'
import { redisStorage, type IoRedisClient } from '../../src/storage/redis.ts'
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
import { connections, freshPrefix, isRedisAt, redisUrl, removePrefix } from '../support/redis-server.ts'

const isHere = await isRedisAt(redisUrl)
const admin = new Redis(redisUrl, { lazyConnect: true })
const prefixes: string[] = []
const warnings = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)

afterAll(async () => {
  warnings.mockRestore()
  if (isHere) for (const prefix of prefixes) await removePrefix(admin, prefix)
  admin.disconnect()
})

function ownPrefix(): string {
  const prefix = freshPrefix()
  prefixes.push(prefix)
  return prefix
}

type Send = (command: string, ...args: string[]) => Promise<unknown>

/** Opened, over a client whose scripts go through `scripts`. */
async function opened(scripts: (send: Send) => Send = (send) => send, prefix = ownPrefix()): Promise<StorageAdapter> {
  const send: Send = (command, ...args) => admin.call(command, ...args)
  const script = scripts(send)
  let isOpen = false
  const client: IoRedisClient = {
    call: (command, ...args) => (isOpen && command.startsWith('EVAL') ? script : send)(command, ...args),
  }
  const storage = redisStorage({ client, prefix })
  await storage.open()
  isOpen = true
  return storage
}

/** How many acts a script carries out: a group names one key, and its first argument is their list. */
function sizeOf(args: readonly string[]): number {
  const acts: unknown = args[1] === '1' ? JSON.parse(args[3] ?? '') : [args]
  if (!Array.isArray(acts)) throw new Error('a group is a list')
  return acts.length
}

function counting(sizes: number[]): (send: Send) => Send {
  return (send) =>
    (command, ...args) => {
      if (command === 'EVALSHA') sizes.push(sizeOf(args))
      return send(command, ...args)
    }
}

function messageOf(result: PromiseSettledResult<unknown>): string | null {
  return result.status === 'rejected' ? String(result.reason) : null
}

describe.skipIf(!isHere)(`groups of redisStorage (needs a Redis at ${redisUrl})`, () => {
  test('carries out the acts of one turn by one script, at most 64 at a time, each for its own customer', async () => {
    const sizes: number[] = []
    const storage = await opened(counting(sizes))
    for (let index = 1; index < 7; index++)
      await storage.credit(creditAct(`grant-${index}`, `${index}`, { customer_id: `customer-${index}` }))
    sizes.length = 0
    const outcomes = await race(140, (index) =>
      storage.hold(holdAct(`request-${index}`, '0.1', { record: { customer_id: `customer-${index % 7}` } })),
    )
    expect(sizes).toEqual([64, 64, 12])
    // 20 each: for 1 dollar 10 of them, for nothing none.
    expect(countOutcomes(outcomes)).toEqual({ held: 110, insufficient: 30 })
    for (const [index, told] of outcomes.entries())
      expect(told).toMatchObject({ balance: { bundle: parseMoney(`${index % 7}`) } })
  })

  test('sends an act that comes alone at once, and groups what comes while two are under way', async () => {
    const sizes: number[] = []
    const gates: (() => void)[] = []
    const storage = await opened((send) => {
      const counted = counting(sizes)(send)
      return async (command, ...args) => {
        await new Promise<void>((resolve) => gates.push(resolve))
        return counted(command, ...args)
      }
    })
    const acts: Promise<unknown>[] = []
    const hold = (id: string): void => void acts.push(storage.hold(holdAct(id, '1', { requires: 'nothing' })))
    const reached = async (count: number): Promise<void> => {
      while (gates.length < count) await new Promise(setImmediate)
    }
    hold('first')
    await reached(1)
    hold('second')
    await reached(2)
    for (const id of ['third', 'fourth', 'fifth']) {
      hold(id)
      await new Promise(setImmediate)
    }
    expect(gates).toHaveLength(2)
    // What another test let the server forget is sent once more.
    const opening = setInterval(() => {
      for (const open of gates) open()
    }, 1)
    await Promise.all(acts)
    clearInterval(opening)
    expect(sizes).toEqual([1, 1, 3])
    await expectBalance(storage, { held: '5' })
  })

  test('has the outcomes that the same acts have one after the other', async () => {
    const id = fc.constantFrom('a', 'b', 'c')
    // Of one shard: an act whose id is in another takes several round trips, between which others are carried out.
    const neighbour = Array.from({ length: 999 }, (_, index) => `customer-${index}`).find((name) => shardOf(name) === shardOf('ann')) ?? '' // prettier-ignore
    const customer_id = fc.constantFrom('ann', neighbour)
    const amount = fc.constantFrom('0', '0.5', '2')
    const fingerprint = fc.constantFrom('one', 'other')
    type Act = (storage: StorageAdapter) => Promise<unknown>
    const act: fc.Arbitrary<Act> = fc.oneof(
      fc.record({ id, amount, fingerprint, customer_id }).map(
        ({ id, amount, fingerprint, customer_id }): Act =>
          (storage) =>
            storage.hold(holdAct(id, amount, { fingerprint, record: { customer_id } })),
      ),
      fc.record({ id, amount, fingerprint, customer_id, opens: fc.boolean() }).map(
        ({ id, amount, fingerprint, customer_id, opens }): Act =>
          (storage) =>
            storage.settle(settleAct(id, amount, { opens, fingerprint, record: { customer_id } })),
      ),
      fc.record({ id, lost: fc.boolean() }).map(
        ({ id, lost }): Act =>
          (storage) =>
            storage.release({ ...releaseAct(id), lost }),
      ),
      fc.record({ id, amount }).map(
        ({ id, amount }): Act =>
          (storage) =>
            storage.renew(renewAct(id, amount)),
      ),
      fc.record({ id, amount: fc.constantFrom('0.5', '2') }).map(
        ({ id, amount }): Act =>
          (storage) =>
            storage.credit(creditAct(id, amount)),
      ),
    )
    const stateOf = async (storage: StorageAdapter) => [
      await storage.balance('ann'),
      await storage.balance(neighbour),
      await storage.requests({ limit: 9 }),
      await storage.usage({ start_ms: 0, end_ms: 2 * noonMs, utc_offset_minutes: 0 }),
    ]
    await fc.assert(
      fc.asyncProperty(fc.array(act, { minLength: 3, maxLength: 40 }), async (acts) => {
        const [together, alone] = [await opened(), await opened()]
        const outcomes = await Promise.all(acts.map((run) => run(together)))
        const expected = []
        for (const run of acts) expected.push(await run(alone))
        expect(outcomes).toEqual(expected)
        expect(await stateOf(together)).toEqual(await stateOf(alone))
      }),
      { numRuns: 60 },
    )
  })

  test('lets acts that fail fail alone, keeps nothing of them, and carries out each of the others once', async () => {
    const prefix = ownPrefix()
    const storage = await opened(undefined, prefix)
    await storage.credit(creditAct('grant', '100'))
    // As when another program wrote there.
    await admin.set(`{${prefix}:${shardOf('ben')}}:customer:ben`, 'text')
    const alone = storage.hold(holdAct('of-ben-alone', '0', { record: { customer_id: 'ben' } }))
    const holds = race(20, (index) => storage.hold(holdAct(`request-${index}`, '1')))
    const broken = storage.hold(holdAct('of-ben', '0', { record: { customer_id: 'ben' } }))
    const tooMuch = storage.hold({
      ...holdAct('too-much', '0', { requires: 'nothing' }),
      amount: money(2n ** 63n - 1n),
    })
    const more = race(20, (index) => storage.hold(holdAct(`more-${index}`, '1')))
    const results = await Promise.allSettled([alone, broken, tooMuch, holds, more])
    expect(results.map(messageOf)).toEqual([
      expect.stringContaining('WRONGTYPE'),
      expect.stringContaining('WRONGTYPE'),
      expect.stringMatching(/^RangeError: the amount \d+ does not fit 64 bits: nothing was stored$/),
      null,
      null,
    ])
    expect(countOutcomes([...(await holds), ...(await more)])).toEqual({ held: 40 })
    await expectBalance(storage, { bundle: '100', held: '40' })
    expect(await storage.request('too-much')).toBeNull()
    expect(await storage.request('of-ben')).toBeNull()
  })

  test('takes texts that few storages take, in a group as in an act alone', async () => {
    const storage = await opened()
    const fingerprint = '\ud800x'
    const odd = [holdAct('\u0000', '0', { fingerprint }), holdAct('\u0000\u0000', '0', { fingerprint })]
    const entries = [creditAct('high', '1', { created_at: '\ud800' }), creditAct('low', '1', { created_at: '\udc00' })]
    const [held, credited] = await Promise.all([
      race(2, (index) => storage.hold(odd[index] ?? holdAct('none', '0'))),
      race(2, (index) => storage.credit(entries[index] ?? creditAct('none', '1'))),
    ])
    expect(countOutcomes(held)).toEqual({ held: 2 })
    expect(countOutcomes(credited)).toEqual({ credited: 2 })
    for (const hold of odd) {
      expect(await storage.hold(hold)).toEqual({ outcome: 'duplicate', record: hold.record })
      expect(await storage.request(hold.record.request_id)).toEqual(hold.record)
    }
    await expectBalance(storage, { bundle: '2' })
  })

  test('gives each act of a group its first outcome when the client sends the group again by itself', async () => {
    const sizes: number[] = []
    const storage = await opened((send) => {
      const counted = counting(sizes)(send)
      return async (command, ...args) => {
        await counted(command, ...args)
        return send(command, ...args)
      }
    })
    await storage.credit(creditAct('grant', '4'))
    const holds = await race(9, (index) => storage.hold(holdAct(`request-${index}`, '0.5')))
    expect(countOutcomes(holds)).toEqual({ held: 8, insufficient: 1 })
    const settling = race(4, (index) => storage.settle(settleAct(`request-${index}`, '0.25')))
    const releasing = race(4, (index) => storage.release(releaseAct(`request-${index + 4}`)))
    const crediting = race(4, (index) => storage.credit(creditAct(`more-${index}`, '1')))
    expect(countOutcomes(await settling)).toEqual({ settled: 4 })
    expect(countOutcomes(await releasing)).toEqual({ released: 4 })
    expect(countOutcomes(await crediting)).toEqual({ credited: 4 })
    expect(sizes).toEqual([1, 9, 12])
    await expectBalance(storage, { bundle: '7' })
  })

  test('rejects all that is under way and all that waits when the connection is lost, and goes on afterwards', async () => {
    let isLost = true
    let attempts = 0
    const storage = await opened((send) => (command, ...args) => {
      if (!isLost) return send(command, ...args)
      attempts++
      return Promise.reject(new Error('Connection is closed.'))
    })
    const holdAll = () => Promise.allSettled(Array.from({ length: 90 }, (_, index) => storage.hold(holdAct(`request-${index}`, '0')))) // prettier-ignore
    expect((await holdAll()).map(messageOf)).toEqual(Array(90).fill('Error: Connection is closed.'))
    expect(attempts).toBe(2)
    isLost = false
    expect((await holdAll()).map(messageOf)).toEqual(Array(90).fill(null))
  })

  test('carries out groups on either client, and behind a prefix that the client puts in front of its keys', async () => {
    const prefixed = new Redis(redisUrl, { keyPrefix: 'lava-test:' })
    const node = await connections.redis()
    for (const client of [prefixed, node.client]) {
      const prefix = ownPrefix()
      const storage = redisStorage({ client, prefix })
      await storage.open()
      const customer_id = (index: number) => `customer-${index % 5}`
      await race(5, (index) => storage.credit(creditAct(`grant-${index}`, '1', { customer_id: customer_id(index) })))
      const holds = await race(60, (index) =>
        storage.hold(holdAct(`request-${index}`, '0.1', { record: { customer_id: customer_id(index) } })),
      )
      expect(countOutcomes(holds)).toEqual({ held: 50, insufficient: 10 })
      for (let index = 0; index < 5; index++)
        await expectBalance(storage, { bundle: '1', held: '1' }, customer_id(index))
      expect((await storage.requests({ limit: 100 })).data).toHaveLength(50)
      await storage.close()
      if (client === prefixed) {
        const keys = await admin.keys(`lava-test:{${prefix}*`)
        expect(keys.length).toBeGreaterThan(100)
        await admin.unlink(...keys)
        expect(await admin.keys(`{${prefix}*`)).toEqual([])
      }
    }
    await node.close()
    await prefixed.quit()
  })

  test('finishes at close what still waits behind two groups', async () => {
    const storage = await opened()
    const acts = race(300, (index) => storage.hold(holdAct(`request-${index}`, '0.1', { requires: 'nothing' })))
    let told = 0
    void acts.then((outcomes) => (told = outcomes.length))
    await storage.close()
    expect(told).toBe(300)
    expect(countOutcomes(await acts)).toEqual({ held: 300 })
    await expect(storage.hold(holdAct('late', '0'))).rejects.toThrow('redisStorage is closed')
    await storage.open()
    await expectBalance(storage, { held: '30' })
  })
})
