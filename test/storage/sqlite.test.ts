import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { StorageAdapter } from '../../src/ledger/storage-adapter.ts'
import { noModelUsage } from '../../src/ledger/new-record.ts'
import { formatMoney, money, parseMoney } from '../../src/money.ts'
import { embeddedStorage } from '../../src/storage/embedded.ts'
import { memoryStorage } from '../../src/storage/memory.ts'
import { openFile, sqliteTables } from '../../src/storage/sqlite-file.ts'
import { sqliteStorage } from '../../src/storage/sqlite.ts'
import { drawWith } from '../../src/testing/conformance/draw.ts'
import { storageConformance } from '../../src/testing/conformance.ts'
import {
  countOutcomes,
  creditAct,
  expectBalance,
  holdAct,
  noonMs,
  race,
  settleAct,
} from '../../src/testing/conformance/subject.ts'

let folder: string
let files = 0
const freshPath = () => join(folder, `${++files}.db`)

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lava-sqlite-'))
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
    openFile({ path, synchronous: 'full', busyTimeoutMs: 5000 }, { recentMax: 3 }),
  )
  await storage.open()
  return storage
}

const casesOf = (open: (path: string) => Promise<StorageAdapter>) =>
  storageConformance(async () => {
    const path = freshPath()
    const adapters = [await open(path)]
    const [storage] = adapters
    if (!storage) throw new Error('unreachable')
    const reopen = async () => {
      const again = await open(path)
      adapters.push(again)
      return again
    }
    const dispose = async () => {
      for (const adapter of adapters) await adapter.close()
    }
    return { storage, reopen, dispose }
  })

for (const { name, run } of casesOf(opened)) test(name, run)
for (const { name, run } of casesOf(placingOften)) test(`${name}, among records that have their places`, run)

test('lets two adapters that open a new file at the same time share it', async () => {
  const path = freshPath()
  const adapters = await race(8, () => opened(path))
  await adapters[0]?.credit(creditAct('grant', '2'))
  const outcomes = await Promise.all(adapters.map((storage, index) => storage.hold(holdAct(`request-${index}`, '0.5'))))
  expect(countOutcomes(outcomes)).toEqual({ held: 4, insufficient: 4 })
  for (const storage of adapters) await storage.close()
})

test('waits for another connection that is opening the file', async () => {
  const path = freshPath()
  const other = new DatabaseSync(path)
  other.exec('CREATE TABLE theirs (a); BEGIN EXCLUSIVE')
  const opening = opened(path)
  await Promise.resolve()
  other.exec('COMMIT')
  other.close()
  const storage = await opening
  await expectBalance(storage, {})
  await storage.close()
})

test('rejects an act while another process keeps the file to itself, and takes it afterwards', async () => {
  const path = freshPath()
  const storage = sqliteStorage({ path, busyTimeoutMs: 1 })
  await storage.open()
  const other = new DatabaseSync(path)
  other.exec('BEGIN IMMEDIATE')
  await expect(storage.credit(creditAct('grant', '2'))).rejects.toThrow('database is locked')
  other.exec('ROLLBACK')
  other.close()
  expect((await storage.credit(creditAct('grant', '2'))).outcome).toBe('credited')
  await storage.close()
})

test('rolls the whole act back when a write of it fails', async () => {
  const path = freshPath()
  const storage = await opened(path)
  await storage.credit(creditAct('grant', '2'))
  const other = new DatabaseSync(path)
  other.exec(`CREATE TRIGGER full BEFORE UPDATE ON lava_customers BEGIN SELECT RAISE(ABORT, 'disk is full'); END`)
  await expect(storage.hold(holdAct('request', '1'))).rejects.toThrow('disk is full')
  other.exec('DROP TRIGGER full')
  other.close()
  expect(await storage.request('request')).toBeNull()
  expect((await storage.hold(holdAct('request', '1'))).outcome).toBe('held')
  await expectBalance(storage, { bundle: '2', held: '1' })
  await storage.close()
})

test('rejects amounts beyond 64 bits and leaves everything as it was', async () => {
  const storage = await opened(':memory:')
  await storage.credit(creditAct('grant', '3'))
  await expect(storage.credit({ ...creditAct('huge', '1'), amount: money(2n ** 63n) })).rejects.toThrow(RangeError)
  await expect(storage.settle(settleAct('huge', '999999999.5', { opens: true }))).rejects.toThrow(
    'does not fit 64 bits',
  )
  expect(await storage.request('huge')).toBeNull()
  await expectBalance(storage, { bundle: '3' })
  await storage.close()
})

test('refuses a file of a later schema version', async () => {
  const path = freshPath()
  await (await opened(path)).close()
  const file = new DatabaseSync(path)
  file.exec('UPDATE lava_schema SET version = 99')
  file.close()
  await expect(opened(path)).rejects.toThrow('schema version 99, this lava-gateway knows 3: update the package')
})

test.for([
  [1, asVersion1],
  [2, asVersion2],
] as const)('brings a file of schema version %i up to date, with what it holds', async ([, asVersion]) => {
  const [path, fresh] = [freshPath(), freshPath()]
  const storage = await opened(path)
  await storage.credit(creditAct('grant', '3'))
  await storage.hold(holdAct('open', '1'))
  await storage.settle(settleAct('done', '0.5', { opens: true }))
  await storage.close()
  asVersion(path)

  const [again, beside] = [await opened(path), await opened(path)]
  expect((await again.settle(settleAct('open', '0.25'))).outcome).toBe('settled')
  expect((await beside.settle(settleAct('done', '0.5', { opens: true }))).outcome).toBe('duplicate')
  await expectBalance(beside, { bundle: '2.25' })
  const day = { start_ms: 0, end_ms: 2 ** 50, utc_offset_minutes: 0 }
  const usage = await again.usage(day)
  expect(usage.map(({ total_requests }) => total_requests)).toEqual([2])
  expect(await again.usage({ ...day, customer_id: 'ann' })).toEqual(usage)
  expect((await again.requests({ customer_id: 'ann', limit: 9 })).data).toEqual(
    (await again.requests({ limit: 9 })).data,
  )
  for (const adapter of [again, beside, await opened(fresh)]) await adapter.close()
  expect(schemaOf(path)).toEqual(schemaOf(fresh))
})

const withoutPlaces = `
  DROP TRIGGER lava_requests_deleted;
  DROP TRIGGER lava_requests_moved;
  DROP TABLE lava_places;
  DROP TABLE lava_placed;
`

/** Turns a new file into one of the first version, which had these indexes instead. */
function asVersion1(path: string): void {
  changeFile(
    path,
    `${withoutPlaces} DROP INDEX lava_requests_by_time;
    CREATE INDEX lava_requests_by_customer ON lava_requests (customer_id, sequence) WHERE customer_id IS NOT NULL;
    CREATE INDEX lava_requests_completed ON lava_requests
      (created_at_ms, customer_id, meter_id, total_tokens, cost, charge) WHERE status = 'completed';
    CREATE INDEX lava_requests_completed_by_customer ON lava_requests
      (customer_id, created_at_ms, meter_id, total_tokens, cost, charge) WHERE status = 'completed' AND customer_id IS NOT NULL;
    UPDATE lava_schema SET version = 1`,
  )
}

function asVersion2(path: string): void {
  changeFile(
    path,
    `${withoutPlaces}
    CREATE INDEX lava_requests_by_customer ON lava_requests (customer_id, sequence, created_at_ms) WHERE customer_id IS NOT NULL;
    UPDATE lava_schema SET version = 2`,
  )
}

function changeFile(path: string, sql: string): void {
  const file = new DatabaseSync(path)
  file.exec(sql)
  file.close()
}

function schemaOf(path: string): unknown[] {
  const file = new DatabaseSync(path)
  const found = file.prepare('SELECT name, sql, (SELECT version FROM lava_schema) AS version FROM sqlite_schema').all()
  file.close()
  return found.map((row) => ({ ...row })).sort((a, b) => String(a.name).localeCompare(String(b.name)))
}

test('says what to mend when the folder is missing', async () => {
  await expect(opened(join(folder, 'none', 'lava.db'))).rejects.toThrow('its folder must exist and be writable')
})

test('refuses wrong and unknown options at construction', () => {
  expect(() => sqliteStorage({ path: '' })).toThrow('option `path`')
  expect(() => sqliteStorage({ path: 'lava.db', busyTimeoutMs: -1 })).toThrow('option `busyTimeoutMs`')
  const mistyped = { path: 'lava.db', sychronous: 'normal' }
  expect(() => sqliteStorage(mistyped)).toThrow('unknown option `sychronous`; did you mean `synchronous`?')
})

test.for([
  ['', opened],
  [', of records that have their places', placingOften],
] as const)(
  'adds usage up exactly as memory storage does: any offset, old times, the largest amounts%s',
  async ([, open]) => {
    const [sqlite, memory] = [await open(freshPath()), memoryStorage()]
    await memory.open()
    const draw = drawWith(7)
    const pick = <Item>(items: readonly Item[]) => items[draw(items.length)]
    const amounts = ['0', '0.0000000001', '0.4294967295', '0.4294967296', '900000000', '12.3456789012'] as const
    for (let index = 0; index < 300; index++) {
      const at_ms = pick([noonMs + draw(9 * 86_400_000), -draw(10 ** 9), -8.64e15, 0]) ?? 0
      const [cost = '0', charge = '0'] = [pick(amounts), pick(amounts)]
      const total_tokens = draw(2000)
      const record = {
        customer_id: pick(['ann', 'bob', null]) ?? null,
        meter_id: pick(['chat', 'voice', null]) ?? null,
        status: pick(['completed', 'completed', 'error'] as const) ?? 'completed',
        created_at: new Date(at_ms).toISOString(),
        cost: formatMoney(parseMoney(cost)),
        model_usage: { ...noModelUsage, total_tokens },
      }
      // Nobody's balance would bear such charges for long.
      const act = settleAct(`request-${index}`, charge, { record: { ...record, customer_id: null }, opens: true })
      const paid =
        record.customer_id === null ? act : settleAct(`request-${index}`, '0.0000000001', { record, opens: true })
      for (const storage of [sqlite, memory]) expect((await storage.settle(paid)).outcome).toBe('settled')
    }
    const span = { start_ms: -8.64e15, end_ms: 8.64e15 }
    const days = { start_ms: noonMs + 86_400_000, end_ms: noonMs + 3 * 86_400_000 }
    for (const range of [span, days])
      for (const utc_offset_minutes of range === span ? [0, 840, 345] : [0, -720, 840, 345])
        for (const customer of [{}, { customer_id: 'ann' }, { customer_id: 'nobody' }])
          for (const meter of [{}, { meter_id: 'chat' }]) {
            const query = { ...range, utc_offset_minutes, ...customer, ...meter }
            expect(await sqlite.usage(query)).toEqual(await memory.usage(query))
          }
    await sqlite.close()
  },
)

test('finds every listing along an index', async () => {
  const path = freshPath()
  await (await opened(path)).close()
  const asked = new Set<string>()
  class Watched extends DatabaseSync {
    override prepare(sql: string) {
      if (sql.startsWith('SELECT')) asked.add(sql)
      return super.prepare(sql)
    }
  }
  const file = new Watched(path)
  const storage = embeddedStorage('watched', () => Promise.resolve(sqliteTables(file, null)))
  await storage.open()
  const metadata = { team: 'red', run: 'nightly' }
  const cursor = Buffer.from('9').toString('base64url')
  for (const customer of [{}, { customer_id: 'ann' }])
    for (const meter of [{}, { meter_id: 'chat' }]) {
      for (const more of [{}, { cursor }, { metadata }])
        await storage.requests({ ...customer, ...meter, ...more, limit: 5 })
      await storage.usage({ start_ms: 0, end_ms: 1, utc_offset_minutes: 0, ...customer, ...meter })
    }
  await storage.expired(1, 5)
  expect(asked.size).toBeGreaterThan(20)
  // With statistics SQLite would take other ways.
  for (let index = 0; index < 300; index++) {
    const record = { created_at: new Date(noonMs + index).toISOString() }
    await storage.settle(settleAct(`request-${index}`, '0', { record, opens: true }))
  }
  file.exec('ANALYZE')
  for (const sql of asked) {
    const plan = file
      .prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .all()
      .map(({ detail }) => String(detail))
      .join('; ')
    // Records of all are read in the order in which they lie.
    if (sql.includes('WHERE')) expect(plan, sql).not.toMatch(/SCAN (?:request|place|lava_requests)\b/)
    expect(plan, sql).not.toContain('FOR ORDER BY')
    // Among the records without a place, one after the other is looked at; an index of all records is no help there.
    if (sql.includes('customer_id = ?')) expect(plan, sql).not.toContain('lava_requests_by_')
  }
  await storage.close()
})
