// PostgreSQL storage over a hundred thousand records: no act and no read looks at all rows of a table.
import { afterAll, expect, test } from 'vitest'
import { parseMoney } from '../../src/money.ts'
import { postgresStorage, type PostgresPool } from '../../src/storage/postgres.ts'
import { creditAct, holdAct, noonMs, releaseAct, renewAct, settleAct } from '../../src/testing/conformance/subject.ts'
import { testDatabase } from './postgres-database.ts'

const database = await testDatabase()
afterAll(() => database.close())

const rowCount = 100_000

/** One in a hundred is pending; the oldest four are of a rare meter, one in ten thousand has the rare label. */
const rows = (schema: string) => `
  INSERT INTO ${schema}.lava_customers (customer_id, bundle)
    SELECT 'customer-' || i, 1e12 FROM generate_series(1, 10000) AS i;
  INSERT INTO ${schema}.lava_requests (request_id, customer_id, meter_id, status, fingerprint, attempt, held, expires_at_ms,
      created_at, created_at_ms, cost, charge, total_tokens, metadata, record)
    SELECT 'request-' || i, 'customer-' || i % 10000, CASE WHEN i < 5 THEN 'rare' ELSE 'meter-' || i % 50 END, CASE i % 100 WHEN 0 THEN 'pending' ELSE 'completed' END,
      '', '', 0, CASE i % 100 WHEN 0 THEN i END, '', ${noonMs} + i * 60000::bigint, 5, 7, 11, '{}', '{}'
    FROM generate_series(1, ${rowCount}) AS i;
  INSERT INTO ${schema}.lava_request_metadata (pair, sequence)
    SELECT '["team","' || sequence % 5 || '"]', sequence FROM ${schema}.lava_requests
    UNION ALL SELECT '["run","rare"]', sequence FROM ${schema}.lava_requests WHERE sequence % 10000 = 0;
  INSERT INTO ${schema}.lava_totals (customer_id, meter_id, cycle, units)
    SELECT 'customer-' || i, 'chat', '', 5 FROM generate_series(1, 10000) AS i;
  INSERT INTO ${schema}.lava_entries (entry_id, customer_id, amount, part, created_at, attempt)
    SELECT 'entry-' || i, 'customer-' || i, 5, 'cycle', '', '' FROM generate_series(1, 10000) AS i;
  INSERT INTO ${schema}.lava_documents (kind, id, document, attempt)
    SELECT 'kind-' || i % 5, 'id-' || i, '{}', '' FROM generate_series(1, 10000) AS i;
  ANALYZE;`

test('carries out every act and every read along an index', async () => {
  const schema = database.freshSchema()
  const pool = database.pool({ max: 1 })
  const statements: { text: string; values: unknown[] }[] = []
  const spied: PostgresPool = {
    connect: () => pool.connect(),
    query(statement) {
      if (/^\s*SELECT/.test(statement.text)) statements.push(statement)
      return pool.query(statement)
    },
  }
  const storage = postgresStorage({ pool: spied, schema })
  await storage.open()
  await pool.query(rows(schema))
  const scansBefore = await scansOf()

  const record = { customer_id: 'customer-7' }
  const total = { customer_id: 'customer-7', meter_id: 'chat', cycle: '', units: 5n, expected_total: 5n }
  await storage.hold(holdAct('first', '0.1', { record: { ...record, metadata: { step: 'first' } } }))
  await storage.hold(holdAct('second', '0.1', { record }))
  await storage.hold(holdAct('second', '0.1', { record }))
  await storage.hold(holdAct('third', '99999', { record }))
  await storage.renew({ request_id: 'second', expires_at_ms: noonMs })
  await storage.renew(renewAct('second', '0.2', { record, expires_at_ms: noonMs }))
  await storage.settle(settleAct('first', '0.1', { record, total }))
  await storage.release({ record: { ...releaseAct('second').record, ...record }, lost: true })
  await storage.settle(settleAct('report', '0.1', { opens: true, record, total: { ...total, expected_total: null } }))
  await storage.credit(creditAct('entry', '1', record))
  await storage.credit(creditAct('entry', '1', record))
  await storage.putDocument({ kind: 'kind-1', id: 'new', document: {}, only_if_absent: true })
  await storage.putDocument({ kind: 'kind-1', id: 'new', document: {}, only_if_absent: false })
  await storage.document('kind-1', 'new')
  await storage.documents('kind-1', { limit: 5 })
  await storage.documents('kind-1', { after_id: 'id-5', limit: 5 })
  await storage.deleteDocument('kind-1', 'new')
  expect((await storage.balance('customer-7')).bundle).toBe(10n ** 12n + parseMoney('0.8'))
  expect(await storage.meterTotal(total)).toBe(15n)
  expect((await storage.request('report'))?.status).toBe('completed')
  // The rows above have no record worth reading, so no page may hold one of them.
  await storage.expired(0, 5)
  for (const filter of [
    {},
    { customer_id: 'customer-7' },
    { meter_id: 'meter-7' },
    { meter_id: 'rare' },
    { customer_id: 'customer-7', meter_id: 'chat' },
    { metadata: { run: 'rare' } },
    { metadata: { team: '1' } },
    { metadata: { team: '1', run: 'rare' } },
    { metadata: { team: '1' }, customer_id: 'customer-7' },
  ])
    for (const page of [{}, { cursor: Buffer.from('row:50000').toString('base64url') }])
      await storage.requests({ ...filter, ...page, limit: 2 }).catch(ofUnreadableRecord)
  // To 22:30 there are 629 minutes but 6 pending, with the two of noon above; after it 811 but 8.
  const day = { start_ms: noonMs, end_ms: noonMs + 86_400_000, utc_offset_minutes: 90 }
  expect((await storage.usage(day)).map(({ total_requests }) => total_requests)).toEqual([625, 803])
  await storage.usage({ ...day, end_ms: 2 * noonMs, customer_id: 'customer-7' })
  await storage.usage({ ...day, meter_id: 'meter-7' })

  expect(await scansOf()).toEqual(scansBefore)
  const plans: string[] = []
  for (const { text, values } of statements) {
    const plan = await pool.query<{ 'QUERY PLAN': string }>(`EXPLAIN ANALYZE ${text}`, values)
    plans.push(plan.rows.map((row) => row['QUERY PLAN']).join('\n'))
  }
  expect(plans.length).toBeGreaterThan(30)
  expect(plans.filter((plan) => plan.includes('Seq Scan'))).toEqual([])
  // An index may be walked from end to end too. The most that any read needs is a day of usage, 1440 rows.
  expect(plans.filter((plan) => mostRowsOf(plan) > 2000)).toEqual([])
  await storage.close()

  /** How often each table was read from end to end, by the server's own count. */
  async function scansOf(): Promise<unknown> {
    await pool.query('SELECT pg_stat_force_next_flush()')
    const counted = `SELECT relname, seq_scan FROM pg_stat_user_tables
      WHERE schemaname = $1 AND relname <> 'lava_schema' ORDER BY relname`
    const { rows: counts } = await pool.query(counted, [schema])
    expect(counts).toHaveLength(6)
    return counts
  }
})

/** The most rows that one step of a plan has touched. */
function mostRowsOf(plan: string): number {
  const touched = plan.matchAll(/actual time=\S+ rows=(\d+)|Rows Removed by .*: (\d+)/g)
  return Math.max(...[...touched].map(([, found, removed]) => Number(found ?? removed)))
}

function ofUnreadableRecord(error: unknown): void {
  if (!(error instanceof Error && error.name === 'ZodError')) throw error
}
