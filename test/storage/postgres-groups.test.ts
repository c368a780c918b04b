// What acts that share a statement on PostgreSQL still promise, each for itself.
import { afterAll, afterEach, expect, test } from 'vitest'
import type { StorageAdapter } from '../../src/ledger/storage-adapter.ts'
import { money, parseMoney } from '../../src/money.ts'
import { postgresStorage, type PostgresPool } from '../../src/storage/postgres.ts'
import {
  countOutcomes,
  creditAct,
  expectBalance,
  holdAct,
  race,
  releaseAct,
  settleAct,
} from '../../src/testing/conformance/subject.ts'
import { testDatabase } from './postgres-database.ts'

const database = await testDatabase()
afterAll(() => database.close())

const adapters: StorageAdapter[] = []
afterEach(async () => {
  for (const adapter of adapters.splice(0)) await adapter.close()
  await database.clean()
})

type Statement = Parameters<PostgresPool['query']>[0]
type Answer = ReturnType<PostgresPool['query']>
type Send = (statement: Statement) => Answer

/** Opened, over a pool whose statements that carry out groups go through `groups`. */
async function opened(
  groups: (send: Send) => Send = (send) => send,
  schema = database.freshSchema(),
): Promise<StorageAdapter> {
  const pool = database.pool()
  const query = groups((statement) => pool.query<Record<string, unknown>>(statement))
  const storage = postgresStorage({
    pool: {
      connect: () => pool.connect(),
      query: (statement) => (isGroup(statement) ? query(statement) : pool.query(statement)),
    },
    schema,
  })
  await storage.open()
  adapters.push(storage)
  return storage
}

function isGroup({ text }: Statement): boolean {
  return text.includes('lava_group_1')
}

/** Two lines an act. */
function sizeOf({ values }: Statement): number {
  return String(values[0]).split('\n').length / 2
}

/** Notes how many acts each statement carries out. */
function counting(sizes: number[]): (send: Send) => Send {
  return (send) => (statement) => {
    sizes.push(sizeOf(statement))
    return send(statement)
  }
}

function messageOf(result: PromiseSettledResult<unknown>): string | null {
  return result.status === 'rejected' ? String(result.reason) : null
}

test('carries out the acts of one turn by one statement, at most 64 at a time, each for its own customer', async () => {
  const sizes: number[] = []
  const storage = await opened(counting(sizes))
  for (let index = 1; index < 7; index++)
    await storage.credit(creditAct(`grant-${index}`, `${index}`, { customer_id: `customer-${index}` }))
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
    return async (statement) => {
      await new Promise<void>((resolve) => gates.push(resolve))
      return counted(statement)
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
  gates[0]?.()
  await reached(3)
  gates[1]?.()
  gates[2]?.()
  await Promise.all(acts)
  expect(sizes).toEqual([1, 1, 3])
  await expectBalance(storage, { held: '5' })
})

test('lets acts that fail fail alone, keeps nothing of them, and carries out each of the others once', async () => {
  const storage = await opened()
  await storage.credit(creditAct('grant', '100'))
  await storage.hold(holdAct('of-ann', '1'))
  const notBens = storage.settle(settleAct('of-ann', '1', { record: { customer_id: 'ben' } }))
  const holds = race(20, (index) => storage.hold(holdAct(`request-${index}`, '1')))
  const tooMuch = storage.hold({ ...holdAct('too-much', '0', { requires: 'nothing' }), amount: money(2n ** 63n - 1n) })
  const results = await Promise.allSettled([notBens, tooMuch, holds])
  expect(results.map(messageOf)).toEqual([
    expect.stringContaining('who pays does not change'),
    'RangeError: the amount does not fit 64 bits: nothing was stored',
    null,
  ])
  expect(countOutcomes(await holds)).toEqual({ held: 20 })
  await expectBalance(storage, { bundle: '100', held: '21' })
  expect(await storage.request('too-much')).toBeNull()
  expect(await storage.request('of-ann')).toMatchObject({ status: 'pending', customer_id: 'ann' })
})

test('gives each act of a group its first outcome when the group was carried out but its answer was lost', async () => {
  let lost = 0
  const storage = await opened((send) => async (statement) => {
    const answer = await send(statement)
    if (lost++ % 2 === 1) return answer
    throw Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })
  })
  await storage.credit(creditAct('grant', '4'))
  const holds = await race(9, (index) => storage.hold(holdAct(`request-${index}`, '0.5')))
  expect(countOutcomes(holds)).toEqual({ held: 8, insufficient: 1 })
  const settling = race(4, (index) => storage.settle(settleAct(`request-${index}`, '0.25')))
  const releasing = race(4, (index) => storage.release(releaseAct(`request-${index + 4}`)))
  expect(countOutcomes(await settling)).toEqual({ settled: 4 })
  expect(countOutcomes(await releasing)).toEqual({ released: 4 })
  expect(lost).toBe(4)
  await expectBalance(storage, { bundle: '3' })
})

test('rejects all of a group when the server can’t be reached or is full, without asking once more', async () => {
  for (const error of [
    Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }),
    Object.assign(new Error('could not extend file'), { code: '53100' }),
    new Error('Query read timeout'),
  ]) {
    let isBroken = true
    let attempts = 0
    const storage = await opened((send) => (statement) => {
      if (!isBroken) return send(statement)
      attempts++
      return Promise.reject(error)
    })
    const holdAll = () => Promise.allSettled(Array.from({ length: 10 }, (_, index) => storage.hold(holdAct(`request-${index}`, '0')))) // prettier-ignore
    expect((await holdAll()).map(messageOf)).toEqual(Array(10).fill(String(error)))
    expect(attempts).toBe(1)
    isBroken = false
    expect((await holdAll()).map(messageOf)).toEqual(Array(10).fill(null))
  }
})

test('takes the customers of a group in one order, so that groups of several instances wait for each other and never in a ring', async () => {
  const schema = database.freshSchema()
  const codes: unknown[] = []
  const noting =
    (send: Send): Send =>
    async (statement) => {
      try {
        return await send(statement)
      } catch (error) {
        codes.push(error instanceof Error && 'code' in error ? error.code : error)
        throw error
      }
    }
  const storages = await race(4, () => opened(noting, schema))
  const [first] = storages
  const customers = Array.from({ length: 12 }, (_, index) => `customer-${index}`)
  for (const customer_id of customers) await first?.credit(creditAct(`of-${customer_id}`, '100', { customer_id }))
  const outcomes = await race(960, async (index) => {
    const storage = storages[index % 4]
    // Half of the instances go through the customers from the last to the first;.
    const at = (index >> 2) % 12
    const customer_id = customers[index % 2 === 0 ? at : 11 - at] ?? ''
    const id = `request-${index}`
    const record = { customer_id }
    const total = { customer_id, meter_id: 'chat', cycle: '', units: 1n, expected_total: null }
    const held = await storage?.hold(holdAct(id, '0.5', { record }))
    if (held?.outcome !== 'held') return held
    return index % 5 === 0
      ? storage?.release({ ...releaseAct(id), record: { ...releaseAct(id).record, ...record } })
      : storage?.settle(settleAct(id, '0.5', { record, total }))
  })
  expect(countOutcomes(outcomes.map((told) => told ?? { outcome: 'none' }))).toEqual({ settled: 768, released: 192 })
  expect(codes).toEqual([])
  let left = 0n
  for (const customer_id of customers) {
    const { bundle, held } = (await first?.balance(customer_id)) ?? { bundle: 0n, held: 1n }
    expect(held).toBe(0n)
    left += bundle
  }
  expect(left).toBe(parseMoney(`${1200 - 768 / 2}`))
})

test('gives each act its outcome when its group met others in a ring all the same', async () => {
  let deadlocks = 0
  const storage = await opened((send) => (statement) => {
    if (sizeOf(statement) === 1) return send(statement)
    deadlocks++
    return Promise.reject(Object.assign(new Error('deadlock detected'), { code: '40P01' }))
  })
  const outcomes = await race(4, (index) => storage.hold(holdAct(`request-${index}`, '1', { requires: 'nothing' })))
  expect(countOutcomes(outcomes)).toEqual({ held: 4 })
  // Seven attempts of the four, and of each two of them.
  expect(deadlocks).toBe(21)
  await expectBalance(storage, { held: '4' })
})

test('finishes at close what still waits behind two groups, also where a group has to be parted', async () => {
  const storage = await opened()
  const acts = race(300, (index) => storage.hold(holdAct(`request-${index}`, '0.1', { requires: 'nothing' })))
  const failing = storage.hold({ ...holdAct('too-much', '0', { requires: 'nothing' }), amount: money(2n ** 63n - 1n) })
  const told = Promise.allSettled([failing])
  await storage.close()
  expect((await told).map(messageOf)).toEqual(['RangeError: the amount does not fit 64 bits: nothing was stored'])
  expect(countOutcomes(await acts)).toEqual({ held: 300 })
  await expect(storage.hold(holdAct('late', '0'))).rejects.toThrow('postgresStorage is closed')
  await storage.open()
  await expectBalance(storage, { held: '30' })
})

test('goes on without groups that wait for somebody else’s lock', async () => {
  const schema = database.freshSchema()
  const storage = await opened(undefined, schema)
  for (const customer_id of ['locked-1', 'locked-2', 'free'])
    await storage.credit(creditAct(`grant-${customer_id}`, '1', { customer_id }))
  const other = await database.pool().connect()
  const holdOf = (customer_id: string) =>
    storage.hold(holdAct(`request-${customer_id}`, '1', { record: { customer_id } }))
  try {
    await other.query('BEGIN')
    await other.query(`SELECT * FROM ${schema}.lava_customers WHERE customer_id LIKE 'locked-%' FOR UPDATE`)
    const locked = holdOf('locked-1')
    await new Promise(setImmediate)
    const too = holdOf('locked-2')
    await new Promise(setImmediate)
    expect(await holdOf('free')).toMatchObject({ outcome: 'held' })
    await other.query('ROLLBACK')
    expect(await Promise.all([locked, too])).toMatchObject([{ outcome: 'held' }, { outcome: 'held' }])
  } finally {
    other.release()
  }
})
