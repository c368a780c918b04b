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

/** How many acts a script carries out: a group's only argument is their list. */
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
  test('sends the first act at once and the others of its turn by few scripts, each for its own customer', async () => {
    const sizes: number[] = []
    const storage = await opened(counting(sizes))
    for (let index = 1; index < 7; index++)
      await storage.credit(creditAct(`grant-${index}`, `${index}`, { customer_id: `customer-${index}` }))
    sizes.length = 0
    const outcomes = await race(140, (index) =>
      storage.hold(holdAct(`request-${index}`, '0.1', { record: { customer_id: `customer-${index % 7}` } })),
    )
    expect(sizes).toEqual([1, 32, 32, 32, 32, 11])
    // 20 each: for 1 dollar 10 of them, for nothing none.
    expect(countOutcomes(outcomes)).toEqual({ held: 110, insufficient: 30 })
    for (const [index, told] of outcomes.entries())
      expect(told).toMatchObject({ balance: { bundle: parseMoney(`${index % 7}`) } })
  })

  test('sends acts one by one while one at most is under way, and groups what comes while two are', async () => {
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
    expect(gates).toHaveLength(1)
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

  test('takes ids and labels of any character, each act of a group its own', async () => {
    const storage = await opened()
    const odd = [
      '\n',
      '"',
      '\\',
      '\\u0000',
      '\u0000',
      '\u001f',
      '\u007f',
      '/',
      '{a}',
      'null',
      '\u2028',
      'ü🌋',
      '[1]\n{}',
    ]
    const actsOf = (text: string) => {
      const record = {
        customer_id: `c${text}`,
        meter_id: `m${text}`,
        metadata: { odd: text, [text]: 'odd' },
        note: text,
      }
      const total = { customer_id: record.customer_id, meter_id: record.meter_id, cycle: text, units: 3n, expected_total: 0n } // prettier-ignore
      const [id, fingerprint] = [`r${text}`, `f${text}`]
      return {
        hold: holdAct(id, '1', { record, fingerprint, requires: 'nothing' }),
        settle: settleAct(id, '0.5', { record: { ...record, usage: { odd: 5e-324 } }, fingerprint, total }),
        total,
      }
    }
    const acts = odd.map(actsOf)
    await Promise.all(acts.map(({ hold }) => storage.hold(hold)))
    for (const { hold } of acts) expect(await storage.request(hold.record.request_id)).toEqual(hold.record)
    const settled = await Promise.all(acts.map(({ settle }) => storage.settle(settle)))
    for (const [index, { settle, total }] of acts.entries()) {
      const record = { ...settle.record, balance_after: '-0.5000000000' }
      const balance = { cycle: 0n, bundle: parseMoney('-0.5'), held: 0n }
      expect(settled[index]).toEqual({ outcome: 'settled', record, balance })
      expect(await storage.request(record.request_id)).toEqual(record)
      expect(await storage.meterTotal(total)).toBe(3n)
      expect((await storage.requests({ metadata: record.metadata, limit: 2 })).data).toEqual([record])
    }
    const [again] = await Promise.all(acts.map(({ hold }) => storage.hold(hold)))
    expect(again).toMatchObject({ outcome: 'duplicate' })
  })

  test('takes a fingerprint with half a surrogate pair in a group as in an act alone', async () => {
    const storage = await opened()
    const hold = (index: number) => storage.hold(holdAct(`request-${index}`, '0', { fingerprint: '\ud800x' }))
    expect(countOutcomes(await race(3, hold))).toEqual({ held: 3 })
    for (let index = 0; index < 3; index++) expect((await hold(index)).outcome).toBe('duplicate')
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
    expect(sizes).toEqual([1, 1, 8, 1, 11])
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
    // The first act, which went alone, and two groups.
    expect(attempts).toBe(3)
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
