// PostgreSQL storage: the whole contract, and what it promises beyond.
import { Client, type Pool, type PoolClient } from 'pg'
import { afterAll, afterEach, expect, test } from 'vitest'
import { z } from 'zod'
import type { StorageAdapter } from '../../src/ledger/storage-adapter.ts'
import { formatMoney, money, parseMoney } from '../../src/money.ts'
import { functionsIn } from '../../src/storage/postgres-functions.ts'
import { lockKey } from '../../src/storage/postgres-schema.ts'
import { tablesIn } from '../../src/storage/postgres-tables.ts'
import { postgresStorage, type PostgresPool } from '../../src/storage/postgres.ts'
import { storageConformance } from '../../src/testing/conformance.ts'
import {
  countOutcomes,
  creditAct,
  expectBalance,
  holdAct,
  race,
  releaseAct,
  renewAct,
  settleAct,
} from '../../src/testing/conformance/subject.ts'
import { testDatabase } from './postgres-database.ts'

const database = await testDatabase()
const { shortcoming } = database
afterAll(() => database.close())

const skipped: string[] = []
afterAll(() => {
  for (const name of skipped) console.log(`skipped, since ${shortcoming ?? ''}: ${name}`)
})

/** A promise that takes several connections, or a backend to kill. */
function testOnServer(name: string, body: () => Promise<void>): void {
  if (shortcoming !== null) skipped.push(name)
  test.skipIf(shortcoming !== null)(name, body)
}

const adapters: StorageAdapter[] = []
const clean = async (): Promise<void> => {
  for (const adapter of adapters.splice(0)) await adapter.close()
  await database.clean()
}
afterEach(clean)

async function opened(schema: string, pool: PostgresPool = database.pool()): Promise<StorageAdapter> {
  const storage = postgresStorage({ pool, schema })
  await storage.open()
  adapters.push(storage)
  return storage
}

const cases = storageConformance(async () => {
  const schema = database.freshSchema()
  return { storage: await opened(schema), reopen: () => opened(schema), dispose: clean }
})

for (const { name, run } of cases) test(name, run)

test('lets eight instances open an empty database at the same time and share it', async () => {
  const schema = database.freshSchema()
  const adapters = await race(8, () => opened(schema, database.pool({ max: 1 })))
  await adapters[0]?.credit(creditAct('grant', '2'))
  const outcomes = await Promise.all(adapters.map((storage, index) => storage.hold(holdAct(`request-${index}`, '0.5'))))
  expect(countOutcomes(outcomes)).toEqual({ held: 4, insufficient: 4 })
})

testOnServer('conserves money when four instances race for three customers', async () => {
  const schema = database.freshSchema()
  const adapters = await race(4, () => opened(schema))
  const customers = ['ann', 'ben', 'eve']
  for (const customer_id of customers) await adapters[0]?.credit(creditAct(`of-${customer_id}`, '5', { customer_id }))
  const outcomes = await race(400, async (index) => {
    const storage = adapters[index % 4]
    const record = { customer_id: customers[index % 3] ?? null }
    const held = await storage?.hold(holdAct(`request-${index}`, '0.25', { record }))
    if (held?.outcome !== 'held') return held
    // Half of what was held stays with the customer, so that later ones get through.
    return storage?.settle(settleAct(`request-${index}`, '0.125', { record }))
  })
  const charges = outcomes.filter((told) => told?.outcome === 'settled').length
  let left = 0n
  for (const customer_id of customers) {
    const { bundle, held } = (await adapters[1]?.balance(customer_id)) ?? { bundle: 0n, held: 1n }
    expect(held).toBe(0n)
    expect(bundle).toBeGreaterThanOrEqual(0n)
    left += bundle
  }
  expect(left).toBe(parseMoney('15') - BigInt(charges) * parseMoney('0.125'))
  expect(charges).toBeGreaterThanOrEqual(60)
})

testOnServer('gives every act its one outcome while connections are killed in the middle', async () => {
  const schema = database.freshSchema()
  const application_name = schema.slice(-20)
  const adapters = await race(3, () => opened(schema, database.pool({ application_name, max: 6 })))
  const killer = database.pool({ max: 1 })
  await adapters[0]?.credit(creditAct('grant', '200'))
  const kill = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name = $1 AND state = 'active' ORDER BY random() LIMIT 1`
  let kills = 0
  const outcomes: string[] = []
  const carriedOut = async ({ outcome }: { outcome: string }): Promise<void> => {
    // By what was done, not by the clock: on a slow machine all seven attempts of an act would meet a killer.
    if (outcomes.push(outcome) % 40 === 0) kills += (await killer.query(kill, [application_name])).rows.length
  }
  await race(24, async (lane) => {
    for (let step = 0; step < 25; step++) {
      const id = `${lane}-${step}`
      const storage = adapters[(lane + step) % 3]
      if (!storage) unreachable()
      await carriedOut(await storage.hold(holdAct(id, '0.3')))
      await carriedOut(await storage.credit(creditAct(id, '0.1')))
      await carriedOut(await storage.renew(renewAct(id, '0.4')))
      if (step % 5 === 0) await carriedOut(await storage.release(releaseAct(id)))
      else await carriedOut(await storage.settle(settleAct(id, '0.2')))
    }
  })
  expect(kills).toBeGreaterThan(10)
  // Never `duplicate` or `not_held`: no act was repeated by its caller, only by the storage.
  expect(countOutcomes(outcomes.map((outcome) => ({ outcome })))).toEqual({
    held: 600,
    credited: 600,
    renewed: 600,
    released: 120,
    settled: 480,
  })
  await expectBalance(adapters[0] ?? unreachable(), {
    bundle: formatMoney(parseMoney(`${200 + 600 * 0.1 - 480 * 0.2}`)),
  })
})

function unreachable(): never {
  throw new Error('unreachable')
}

/** Every statement is carried out, and at the first attempt its answer is lost. */
function answerLosing(pool: Pool, lost: { count: number }): PostgresPool {
  const seen = new Set<string>()
  return {
    connect: () => pool.connect(),
    async query(statement) {
      const answer = await pool.query<Record<string, unknown>>(statement)
      const key = JSON.stringify(statement)
      if (seen.has(key)) return answer
      seen.add(key)
      lost.count++
      throw Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })
    },
  }
}

test('gives the first outcome when an act was carried out but its answer was lost', async () => {
  const schema = database.freshSchema()
  const lost = { count: 0 }
  const storage = await opened(schema, answerLosing(database.pool(), lost))
  expect(await storage.credit(creditAct('grant', '5'))).toEqual({
    outcome: 'credited',
    balance: { cycle: 0n, bundle: parseMoney('5'), held: 0n },
  })
  const held = await storage.hold(holdAct('request', '2'))
  expect(held).toEqual({ outcome: 'held', balance: { cycle: 0n, bundle: parseMoney('5'), held: parseMoney('2') } })
  expect(await storage.renew(renewAct('request', '3'))).toEqual({ outcome: 'renewed' })
  const total = { customer_id: 'ann', meter_id: 'chat', cycle: '', units: 3n, expected_total: 0n }
  const settled = await storage.settle(settleAct('request', '1', { total }))
  expect(settled).toEqual({
    outcome: 'settled',
    record: { ...settleAct('request', '1').record, balance_after: '4.0000000000' },
    balance: { cycle: 0n, bundle: parseMoney('4'), held: 0n },
  })
  await storage.hold(holdAct('other', '1'))
  expect((await storage.release(releaseAct('other'))).outcome).toBe('released')
  expect((await storage.settle(settleAct('report', '1', { opens: true }))).outcome).toBe('settled')
  const put = { kind: 'key', id: 'first', document: { a: 1 }, only_if_absent: true }
  expect(await storage.putDocument(put)).toEqual({ outcome: 'written' })
  expect(await storage.meterTotal(total)).toBe(3n)
  await expectBalance(storage, { bundle: '3' })
  // Each of the above, the two reads among them.
  expect(lost.count).toBe(10)
  // What a caller repeats is told as a repetition.
  expect((await storage.hold(holdAct('request', '2'))).outcome).toBe('duplicate')
  expect((await storage.putDocument(put)).outcome).toBe('exists')
})

test('gives the first outcome of a settlement whose record has characters that PostgreSQL’s own texts have not', async () => {
  const storage = await opened(database.freshSchema(), answerLosing(database.pool(), { count: 0 }))
  await storage.credit(creditAct('grant', '5'))
  for (const [request_id, odd] of Object.entries({ zero: '\u0000', half: '\ud800', quoted: '"balance_after":"7"' })) {
    await storage.hold(holdAct(request_id, '2'))
    const act = settleAct(request_id, '1', { record: { metadata: { odd }, note: odd } })
    expect(await storage.settle(act)).toMatchObject({ outcome: 'settled', record: { metadata: { odd }, note: odd } })
  }
  const { data } = await storage.requests({ limit: 3 })
  expect(data.map(({ balance_after }) => balance_after)).toEqual(['2.0000000000', '3.0000000000', '4.0000000000'])
  const merchants = settleAct('merchant', '0', { opens: true, record: { customer_id: null, note: '\u0000' } })
  expect(await storage.settle(merchants)).toMatchObject({ outcome: 'settled', record: { balance_after: null } })
})

test('gives up when connections keep ending, and takes the act afterwards', async () => {
  const schema = database.freshSchema()
  const pool = database.pool()
  let attempts = 0
  let isAway = true
  const storage = await opened(schema, {
    connect: () => pool.connect(),
    query(statement) {
      if (!isAway) return pool.query(statement)
      attempts++
      return Promise.reject(new Error('Connection terminated unexpectedly'))
    },
  })
  await expect(storage.credit(creditAct('grant', '2'))).rejects.toThrow('Connection terminated')
  expect(attempts).toBe(7)
  isAway = false
  expect((await storage.credit(creditAct('grant', '2'))).outcome).toBe('credited')
})

test('goes on without prepared statements when the connections mix them up', async () => {
  const schema = database.freshSchema()
  const pool = database.pool()
  const names: boolean[] = []
  const storage = await opened(schema, {
    connect: () => pool.connect(),
    query({ name, ...statement }) {
      names.push(name !== undefined)
      if (name === undefined) return pool.query(statement)
      return Promise.reject(Object.assign(new Error('prepared statement does not exist'), { code: '26000' }))
    },
  })
  // Two at once: both have a name when they are told.
  await race(2, (index) => storage.credit(creditAct(`grant-${index}`, '1')))
  await storage.hold(holdAct('request', '1'))
  await expectBalance(storage, { bundle: '2', held: '1' })
  expect(names).toEqual([true, true, false, false, false, false])
})

test('rolls the whole act back when a write of it fails', async () => {
  const schema = database.freshSchema()
  const pool = database.pool()
  const storage = await opened(schema, pool)
  await storage.credit(creditAct('grant', '2'))
  await pool.query(`CREATE FUNCTION ${schema}.fail() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'disk is full'; END $$`)
  await pool.query(
    `CREATE TRIGGER fail BEFORE INSERT ON ${schema}.lava_requests FOR EACH ROW EXECUTE FUNCTION ${schema}.fail()`,
  )
  await expect(storage.hold(holdAct('request', '1'))).rejects.toThrow('disk is full')
  await expectBalance(storage, { bundle: '2' })
  await pool.query(`DROP TRIGGER fail ON ${schema}.lava_requests`)
  expect((await storage.hold(holdAct('request', '1'))).outcome).toBe('held')
  await expectBalance(storage, { bundle: '2', held: '1' })
})

test('rejects amounts beyond 64 bits and leaves everything as it was', async () => {
  const storage = await opened(database.freshSchema())
  await storage.credit(creditAct('grant', '900000000', { part: 'cycle' }))
  await storage.credit(creditAct('other', '900000000'))
  await expect(storage.credit({ ...creditAct('huge', '1'), amount: money(2n ** 63n) })).rejects.toThrow(RangeError)
  await expect(storage.credit(creditAct('more', '900000000'))).rejects.toThrow('does not fit 64 bits')
  // Together the two parts are more than 64 bits hold; each fits.
  expect((await storage.hold(holdAct('request', '900000000'))).outcome).toBe('held')
  const settled = await storage.settle(settleAct('request', '1'))
  expect(settled).toMatchObject({ outcome: 'settled', record: { balance_after: '1799999999.0000000000' } })
  await expectBalance(storage, { cycle: '899999999', bundle: '900000000' })
})

test('refuses ids that PostgreSQL would not give back, and finds nothing under them', async () => {
  const storage = await opened(database.freshSchema())
  for (const id of ['a\u0000', 'a\ud800']) {
    const record = { customer_id: id }
    const acts: (() => Promise<unknown>)[] = [
      () => storage.hold(holdAct(id, '0')),
      () => storage.hold(holdAct('request', '0', { record })),
      () => storage.hold(holdAct('request', '0', { fingerprint: id })),
      () => storage.settle(settleAct('request', '0', { opens: true, record: { meter_id: id } })),
      () => storage.release(releaseAct(id)),
      () => storage.renew(renewAct(id, '1')),
      () => storage.credit(creditAct(id, '1')),
      () => storage.credit(creditAct('grant', '1', record)),
      () => storage.putDocument({ kind: 'meter', id, document: {}, only_if_absent: false }),
    ]
    for (const act of acts) await expect(act(), act.toString()).rejects.toThrow('well-formed Unicode')
    await expectBalance(storage, {}, id)
    expect(await storage.request(id)).toBeNull()
    expect(await storage.requests({ customer_id: id, limit: 1 })).toEqual({ data: [], next_cursor: null })
    expect(await storage.meterTotal({ customer_id: id, meter_id: 'chat', cycle: '' })).toBe(0n)
    expect(await storage.document('meter', id)).toBeNull()
    expect(await storage.deleteDocument('meter', id)).toBe(false)
  }
  expect((await storage.requests({ limit: 1 })).data).toEqual([])
})

test('keeps any character in metadata, records and documents', async () => {
  const storage = await opened(database.freshSchema())
  const odd = '"\\ {a,b} NULL \u0000 \ud800 \u001f ü🌋'
  const act = holdAct('request', '0', { record: { metadata: { odd, team: 'red' }, note: odd, usage: { odd: 5e-324 } } })
  await storage.hold(act)
  expect(await storage.request('request')).toEqual(act.record)
  expect((await storage.requests({ metadata: { team: 'red', odd }, limit: 5 })).data).toEqual([act.record])
  const settle = settleAct('request', '0', { record: { metadata: { odd }, note: odd } })
  const settled = await storage.settle(settle)
  expect(settled).toMatchObject({ outcome: 'settled' })
  expect(await storage.request('request')).toEqual({ ...settle.record, balance_after: '0.0000000000' })
  expect((await storage.requests({ metadata: { team: 'red' }, limit: 5 })).data).toEqual([])
  const document = { odd, nested: [odd, 1e300, null] }
  await storage.putDocument({ kind: 'meter', id: 'odd', document, only_if_absent: false })
  expect(await storage.document('meter', 'odd')).toEqual(document)
})

test('rejects a settlement for another customer than the hold was for', async () => {
  const storage = await opened(database.freshSchema())
  await storage.hold(holdAct('request', '1', { requires: 'nothing' }))
  for (const customer_id of ['ben', null]) {
    await expect(storage.settle(settleAct('request', '1', { record: { customer_id } }))).rejects.toThrow('who pays')
    const { record } = releaseAct('request')
    await expect(storage.release({ record: { ...record, customer_id }, lost: false })).rejects.toThrow('who pays')
    await expect(storage.renew(renewAct('request', '2', { record: { customer_id } }))).rejects.toThrow('who pays')
  }
  await expectBalance(storage, { held: '1' })
})

test('waits at close for the acts under way, opens again, and leaves the pool to the host', async () => {
  const pool = database.pool()
  const schema = database.freshSchema()
  const storage = await opened(schema, pool)
  const listeners = pool.listenerCount('error')
  const acts = race(20, (index) => storage.credit(creditAct(`grant-${index}`, '1')))
  await storage.close()
  const { rows } = await pool.query(`SELECT count(*)::int AS finished FROM ${schema}.lava_entries`)
  expect(rows).toEqual([{ finished: 20 }])
  await acts
  expect(pool.listenerCount('error')).toBe(listeners - 1)
  await expect(storage.balance('ann')).rejects.toThrow('postgresStorage is closed: call open() first')
  expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
  await storage.open()
  await expectBalance(storage, { bundle: '20' })
})

test('keeps two schemas apart, whatever the case of their names', async () => {
  const lower = database.freshSchema()
  const upper = lower.toUpperCase()
  const one = await opened(lower)
  const other = await opened(upper)
  await one.credit(creditAct('grant', '1'))
  await expectBalance(other, {})
  expect((await other.credit(creditAct('grant', '2'))).outcome).toBe('credited')
  await expectBalance(one, { bundle: '1' })
  await database.pool().query(`DROP SCHEMA "${upper}" CASCADE`)
})

testOnServer('opens what is there without the right to write', async () => {
  const schema = database.freshSchema()
  await (await opened(schema)).credit(creditAct('grant', '1'))
  const storage = await opened(schema, database.pool({ options: '-c default_transaction_read_only=on' }))
  await expectBalance(storage, { bundle: '1' })
})

test('brings tables of the first version up to date, with what is in them, by one of the instances that open at once', async () => {
  const schema = database.freshSchema()
  const pool = database.pool()
  await pool.query(`CREATE SCHEMA ${schema}; CREATE TABLE ${schema}.lava_schema (version integer NOT NULL);
    INSERT INTO ${schema}.lava_schema (version) VALUES (1)`)
  await pool.query(tablesIn(schema) + functionsIn(schema))
  await pool.query(`INSERT INTO ${schema}.lava_customers (customer_id, bundle) VALUES ('ann', 20000000000)`)
  const losing = () => answerLosing(database.pool({ max: 1 }), { count: 0 })
  const adapters = await race(4, () => opened(schema, losing()))
  const versions = await pool.query(`SELECT version FROM ${schema}.lava_schema`)
  expect(versions.rows).toEqual([{ version: 5 }])
  const [storage = unreachable()] = adapters
  await storage.hold(holdAct('request', '0.5'))
  expect(await storage.renew(renewAct('request', '1.5'))).toEqual({ outcome: 'renewed' })
  await expectBalance(storage, { bundle: '2', held: '1.5' })
  expect(await storage.settle(settleAct('request', '1', { record: { note: '\u0000' } }))).toMatchObject({
    outcome: 'settled',
  })
})

test('keeps of a record only what makes it different, at each of its steps', async () => {
  const schema = database.freshSchema()
  const pool = database.pool()
  const storage = await opened(schema, pool)
  await storage.credit(creditAct('grant', '3'))
  const stored = async () => {
    const { rows } = await pool.query(`SELECT record::text AS text FROM ${schema}.lava_requests`)
    return z
      .array(z.object({ text: z.string() }))
      .parse(rows)
      .map(({ text }) => text)
  }
  await storage.hold(holdAct('request', '0.5'))
  expect(await stored()).toEqual([expect.not.stringContaining('"note"')])
  await storage.renew(renewAct('request', '1.5'))
  expect(await stored()).toEqual([expect.not.stringContaining('"note"')])
  await storage.settle(settleAct('request', '1'))
  expect(await stored()).toEqual([expect.not.stringContaining('"note"')])
  expect(await storage.request('request')).toMatchObject({ status: 'completed', note: null, response_id: null })
})

test('refuses tables of a later schema version', async () => {
  const schema = database.freshSchema()
  const pool = database.pool()
  await (await opened(schema, pool)).close()
  await pool.query(`UPDATE ${schema}.lava_schema SET version = 99`)
  await expect(opened(schema, pool)).rejects.toThrow('schema version 99, this lava-gateway knows 5: update the package')
  await pool.query(`UPDATE ${schema}.lava_schema SET version = 5`)
  await expectBalance(await opened(schema, pool), {})
})

testOnServer('refuses connections whose transactions see one snapshot', async () => {
  const pool = database.pool({ options: '-c default_transaction_isolation=serializable' })
  await expect(opened(database.freshSchema(), pool)).rejects.toThrow(`the pool's connections have 'serializable'`)
})

test('survives a connection that fails in the instant in which the pool lends it', async () => {
  const pool = database.pool()
  const unheard: unknown[] = []
  const fail = (connection: PoolClient): void => {
    // Before the promise of `connect()` can tell whoever asked for it.
    process.nextTick(() => {
      try {
        connection.emit('error', new Error('Connection terminated unexpectedly'))
      } catch (error) {
        unheard.push(error)
      }
    })
  }
  pool.on('acquire', fail)
  try {
    await opened(database.freshSchema(), pool)
    expect(unheard).toEqual([])
    expect(pool.listenerCount('acquire')).toBe(1)
  } finally {
    pool.off('acquire', fail)
  }
})

testOnServer('rejects an opening whose connection is killed, and opens at the next try', async () => {
  const schema = database.freshSchema()
  const application_name = schema.slice(-20)
  const other = await database.pool().connect()
  await other.query('BEGIN')
  // As another instance that is still creating its tables.
  await other.query('SELECT pg_advisory_xact_lock($1)', [lockKey])
  const pool = database.pool({ application_name })
  const storage = postgresStorage({ pool, schema })
  const opening = expect(storage.open()).rejects.toThrow('terminat')
  const kill = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1 AND wait_event = 'advisory'`
  while ((await other.query(kill, [application_name])).rows.length === 0)
    await other.query('SELECT pg_stat_clear_snapshot(), pg_sleep(0.01)')
  await opening
  await other.query('COMMIT')
  other.release()
  await expectBalance(await opened(schema, pool), {})
})

test('undoes an opening that fails, and opens at the next try', async () => {
  const schema = database.freshSchema()
  const pool = database.pool()
  await pool.query(`CREATE SCHEMA ${schema}; CREATE TABLE ${schema}.lava_documents (theirs integer)`)
  await expect(opened(schema, pool)).rejects.toThrow('already exists')
  const { rows } = await pool.query(`SELECT to_regclass('${schema}.lava_customers') AS found`)
  expect(rows).toEqual([{ found: null }])
  await pool.query(`DROP TABLE ${schema}.lava_documents`)
  await expectBalance(await opened(schema, pool), {})
})

test('refuses wrong and unknown options', async () => {
  const pool = database.pool()
  expect(() => postgresStorage({ pool, schema: 'my-lava' })).toThrow('option `schema`: a name of 1 to 63 letters')
  const mistyped = { pool, shema: 'lava' }
  expect(() => postgresStorage(mistyped)).toThrow('unknown option `shema`; did you mean `schema`?')
  const none: unknown = {}
  // @ts-expect-error a host in JavaScript
  expect(() => postgresStorage({ pool: none })).toThrow('option `pool`: a Pool of the package `pg`')
  const { host = '', port = 0, user, database: name } = pool.options
  const { connectionString } = pool.options
  const client = new Client(
    connectionString === undefined ? { host, port, user, database: name } : { connectionString },
  )
  if (shortcoming !== null) return
  // @ts-expect-error a host in JavaScript
  await expect(postgresStorage({ pool: client }).open()).rejects.toThrow('not a Client')
  await client.end()
})
