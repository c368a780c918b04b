// What a connection remembers is never believed after another one wrote, nor after its own transaction was undone.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync, StatementSync } from 'node:sqlite'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { MeterTotalKey, StorageAdapter } from '../../src/ledger/storage-adapter.ts'
import { parseMoney } from '../../src/money.ts'
import { KnownRows, LateWrites } from '../../src/storage/sqlite-memory.ts'
import { embeddedStorage } from '../../src/storage/embedded.ts'
import { memoryStorage } from '../../src/storage/memory.ts'
import { openFile } from '../../src/storage/sqlite-file.ts'
import { sqliteStorage } from '../../src/storage/sqlite.ts'
import { drawWith, type Draw } from '../../src/testing/conformance/draw.ts'
import {
  countOutcomes,
  creditAct,
  expectBalance,
  holdAct,
  noonMs,
  race,
  renewAct,
  sampleRecord,
  settleAct,
} from '../../src/testing/conformance/subject.ts'

let folder: string
let files = 0
const freshPath = () => join(folder, `${++files}.db`)

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lava-memory-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function opened(path: string): Promise<StorageAdapter> {
  const storage = sqliteStorage({ path })
  await storage.open()
  return storage
}

/** One that gives records their places after every few of them, not after a thousand. */
async function placingOften(path: string): Promise<StorageAdapter> {
  const storage = embeddedStorage('sqliteStorage', () =>
    openFile({ path, synchronous: 'full', busyTimeoutMs: 5000 }, { recentMax: 4 }),
  )
  await storage.open()
  return storage
}

function total(customer_id: string, units: bigint, expected_total: bigint | null = null) {
  return { customer_id, meter_id: 'chat', cycle: '', units, expected_total }
}

const annsTotal: MeterTotalKey = { customer_id: 'ann', meter_id: 'chat', cycle: '' }

test('answers as a storage that remembers nothing wrong, whichever of two connections writes and whatever fails amid a group', async () => {
  for (const seed of [1, 2, 3, 4]) {
    const path = freshPath()
    const [one, two, oracle] = [await opened(path), await placingOften(path), memoryStorage()]
    await oracle.open()
    const file = new DatabaseSync(path)
    file.exec(`CREATE TRIGGER broken BEFORE INSERT ON lava_customers WHEN NEW.customer_id = 'broken'
      BEGIN SELECT RAISE(ABORT, 'broken'); END`)
    file.close()
    const draw = drawWith(seed)
    for (let round = 0; round < 150; round++) {
      const acts = Array.from({ length: 1 + draw(6) }, () => drawAct(draw))
      const breaks = draw(4) === 0 ? draw(acts.length) : -1
      const carryOut = (storage: StorageAdapter) =>
        Promise.allSettled(
          acts.map((act, index) => {
            if (index === breaks && storage !== oracle)
              storage.credit(creditAct(`broken-${round}`, '1', { customer_id: 'broken' })).catch(() => null)
            return act(storage)
          }),
        )
      expect(await carryOut(draw(2) === 0 ? one : two)).toEqual(await carryOut(oracle))
    }
    for (const storage of [one, two]) expect(await stateOf(storage)).toEqual(await stateOf(oracle))
    await one.close()
    await two.close()
  }
})

function drawAct(draw: Draw): (storage: StorageAdapter) => Promise<unknown> {
  const request_id = `request-${draw(12)}-${draw(8)}`
  // Who pays for an id does not change.
  const customer_id = request_id.length % 2 === 0 ? 'ann' : 'bob'
  const metadata: Record<string, string> = draw(3) === 0 ? { label: `${draw(2)}` } : {}
  const record = { customer_id, metadata }
  const dollars = `${1 + draw(5)}`
  const units = BigInt(draw(50))
  switch (draw(7)) {
    case 0:
      return (storage) => storage.credit(creditAct(`credit-${dollars}-${units}`, dollars, { customer_id }))
    case 1:
      return (storage) =>
        storage.settle(settleAct(request_id, dollars, { record, total: total(customer_id, units), opens: units < 9n }))
    case 2:
      return async (storage) => {
        const expected = units < 25n ? 0n : null
        return storage.settle(settleAct(request_id, dollars, { record, total: total(customer_id, units, expected) }))
      }
    case 3:
      return (storage) =>
        storage.release({ record: sampleRecord(request_id, { ...record, status: 'error' }), lost: units < 25n })
    case 4:
      return (storage) => storage.renew(renewAct(request_id, dollars, { record }))
    case 5:
      return (storage) => storage.renew({ request_id, expires_at_ms: noonMs + Number(units) })
    default:
      return (storage) => storage.hold(holdAct(request_id, dollars, { record }))
  }
}

async function stateOf(storage: StorageAdapter): Promise<unknown> {
  return {
    balances: [await storage.balance('ann'), await storage.balance('bob'), await storage.balance('broken')],
    total: await storage.meterTotal(annsTotal),
    page: (await storage.requests({ limit: 100 })).data,
    ofAnn: (await storage.requests({ limit: 100, customer_id: 'ann' })).data,
    labelled: (await storage.requests({ limit: 100, metadata: { label: '1' } })).data,
    expired: await storage.expired(noonMs + 60_000, 100),
    usage: await storage.usage({ start_ms: 0, end_ms: 2 * noonMs, utc_offset_minutes: 0 }),
    usageOfAnn: await storage.usage({ start_ms: 0, end_ms: 2 * noonMs, utc_offset_minutes: 0, customer_id: 'ann' }),
  }
}

test('sees what another connection did to a hold, a balance and a total that it remembers', async () => {
  const path = freshPath()
  const [one, two] = [await opened(path), await opened(path)]
  await one.credit(creditAct('grant', '10'))
  for (const id of ['a', 'b', 'c']) await one.hold(holdAct(id, '2'))
  await one.settle(settleAct('a', '1', { total: total('ann', 5n) }))

  expect(await two.settle(settleAct('b', '1', { total: total('ann', 7n, 5n) }))).toMatchObject({ outcome: 'settled' })
  expect(await two.hold(holdAct('d', '6'))).toMatchObject({ outcome: 'held' })

  expect(await one.settle(settleAct('b', '1'))).toMatchObject({ outcome: 'duplicate' })
  expect(await one.hold(holdAct('e', '0.01'))).toMatchObject({ outcome: 'insufficient' })
  expect(await one.settle(settleAct('c', '1', { total: total('ann', 1n, 5n) }))).toEqual({
    outcome: 'total_moved',
    total: 12n,
  })
  await one.close()
  await two.close()
})

test('sees what another program wrote between two of its groups', async () => {
  const path = freshPath()
  const storage = await opened(path)
  await storage.credit(creditAct('grant', '10'))
  const other = new DatabaseSync(path)
  other.exec(`UPDATE lava_customers SET bundle = bundle - 9 * 10000000000`)
  other.close()
  expect((await storage.hold(holdAct('request', '2'))).outcome).toBe('insufficient')
  await storage.close()
})

test('forgets what a group that was undone would have written', async () => {
  const path = freshPath()
  const storage = await opened(path)
  await storage.credit(creditAct('grant', '10'))
  await storage.hold(holdAct('open', '1'))
  const other = new DatabaseSync(path)
  other.exec(`CREATE TABLE parents (id TEXT PRIMARY KEY);
    CREATE TABLE children (id TEXT REFERENCES parents DEFERRABLE INITIALLY DEFERRED);
    CREATE TRIGGER orphan AFTER INSERT ON lava_entries WHEN NEW.entry_id = 'orphan' BEGIN INSERT INTO children VALUES (NEW.entry_id); END`)
  const results = await Promise.allSettled([
    storage.settle(settleAct('open', '1', { total: total('ann', 5n) })),
    storage.hold(holdAct('new', '9')),
    storage.credit(creditAct('orphan', '5')),
  ])
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])

  // Nothing was committed meanwhile, here or elsewhere: the file's version alone would not tell.
  const again = await Promise.all([
    storage.hold(holdAct('new', '9')),
    storage.hold(holdAct('more', '0.01')),
    storage.settle(settleAct('open', '1', { total: total('ann', 5n, 0n) })),
  ])
  expect(countOutcomes(again)).toEqual({ held: 1, insufficient: 1, settled: 1 })
  await expectBalance(storage, { bundle: '9', held: '9' })
  expect(await storage.meterTotal(annsTotal)).toBe(5n)
  other.close()
  await storage.close()
})

test('keeps its own copy of a balance that it told', async () => {
  const storage = await opened(':memory:')
  await storage.credit(creditAct('grant', '10'))
  const told = [await storage.hold(holdAct('a', '1')), await storage.hold(holdAct('b', '99'))]
  for (const outcome of told) if ('balance' in outcome && outcome.balance) outcome.balance.held = parseMoney('0')
  await storage.hold(holdAct('c', '2'))
  await expectBalance(storage, { bundle: '10', held: '3' })
  await storage.close()
})

test('reads a customer once, and writes its balance once a group', async () => {
  const storage = await opened(freshPath())
  await storage.credit(creditAct('grant', '100'))
  const [get, run] = [vi.spyOn(StatementSync.prototype, 'get'), vi.spyOn(StatementSync.prototype, 'run')]
  await race(50, (index) => storage.hold(holdAct(`request-${index}`, '1')))
  const balances = (contexts: readonly unknown[]) =>
    contexts.filter((of) => of instanceof StatementSync && of.sourceSQL.includes('lava_customers')).length
  expect([balances(get.mock.contexts), balances(run.mock.contexts)]).toEqual([0, 1])
  get.mockRestore()
  run.mockRestore()
  await expectBalance(storage, { bundle: '100', held: '50' })
  await storage.close()
})

test('remembers no more than ten thousand of each kind, and drops none before it is written', () => {
  const rows = new KnownRows<number>()
  const written = new Map<string, number>()
  const late = new LateWrites<string, number>((key, value) => written.set(key, value))
  for (let index = 0; index < 10_002; index++) {
    rows.set(`${index}`, index)
    late.put(`${index}`, `${index}`, index)
  }
  expect([rows.get('0'), late.get('0')]).toEqual([0, 0])
  rows.flush()
  late.flush()
  expect([rows.get('1'), late.get('1'), rows.get('2'), late.get('2')]).toEqual([undefined, undefined, 2, 2])
  expect([rows.size, written.size]).toEqual([10_000, 10_002])
})
