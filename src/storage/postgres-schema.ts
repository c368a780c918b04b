// The PostgreSQL schema: created or brought up to date by one of the instances that open at once.
import assert from 'node:assert/strict'
import { mendedFinishFunctionIn } from './postgres-finish.ts'
import { functionsIn } from './postgres-functions.ts'
import { groupFunctionIn } from './postgres-group-function.ts'
import type { PostgresConnection, PostgresPool } from './postgres-pool.ts'
import { renewFunctionIn } from './postgres-renew.ts'
import { tablesIn } from './postgres-tables.ts'
import { rowsOf, textOf } from './postgres-columns.ts'

/** Each brings the schema from the version of its index to the next one; only ever added to. */
const migrations = [
  (schema: string) => tablesIn(schema) + functionsIn(schema),
  renewFunctionIn,
  mendedFinishFunctionIn,
  groupFunctionIn,
  shorterTexts,
]

/** Nothing to change: earlier versions read no record whose text leaves out what is as in every record. */
function shorterTexts(): string {
  return 'SELECT 1'
}

/** Of this package, whatever the schema: two that are made at once wait for each other, which harms nobody. */
export const lockKey = '7809652160418316'

/**
 * Creates what is missing, in one transaction; touches nothing when all is there, so that a role without the right to create may
 * open what another one made.
 *
 * @param name of the schema, unquoted.
 * @throws Error when a later version of the package made the tables, or when transactions are not `read committed` by default.
 */
export async function openSchema(pool: PostgresPool, name: string): Promise<void> {
  // One that is cut off in the instant in which it is lent must find a listener (seen in chaos).
  pool.on?.('acquire', listenToErrors)
  const connection = await pool.connect().finally(() => pool.off?.('acquire', listenToErrors))
  assert.ok(isLent(connection), 'postgresStorage: option `pool`: a Pool of the package `pg`, not a Client')
  let isBroken = true
  listenToErrors(connection)
  try {
    await checkIsolation(connection)
    if ((await versionOf(connection, name)) !== migrations.length) await migrate(connection, name)
    isBroken = false
  } finally {
    // Cut off, a transaction that failed is undone whatever state the connection is in.
    connection.off?.('error', toldByItsQuery)
    connection.release(isBroken)
  }
}

type Listening = Pick<PostgresConnection, 'on' | 'off'>

function listenToErrors(connection: Listening): void {
  // Once, whoever comes first.
  connection.off?.('error', toldByItsQuery)
  connection.on?.('error', toldByItsQuery)
}

/** A lent connection that ends tells so twice; the event that nobody listens to would end the process. */
function toldByItsQuery(): undefined {
  return undefined
}

/** A `Client` has both methods of a pool, but its `connect` lends nothing. */
function isLent(connection: unknown): boolean {
  return typeof connection === 'object' && connection !== null && 'release' in connection
}

/** The functions look again after they waited for a lock; under a snapshot of the whole transaction they would fail instead. */
async function checkIsolation(connection: PostgresConnection): Promise<void> {
  const [row] = rowsOf((await connection.query('SHOW default_transaction_isolation')).rows)
  const found = row?.default_transaction_isolation
  if (found !== 'read committed')
    throw new Error(
      `postgresStorage needs default_transaction_isolation = 'read committed', the pool's connections have '${found ?? ''}': hand in a pool of its own`,
    )
}

async function migrate(connection: PostgresConnection, name: string): Promise<void> {
  const schema = quoted(name)
  await connection.query('BEGIN')
  await connection.query(`SELECT pg_advisory_xact_lock(${lockKey})::text`)
  const found = await versionOf(connection, name)
  if (found === null) {
    const known = await connection.query(`SELECT nspname::text FROM pg_catalog.pg_namespace WHERE nspname = '${name}'`)
    if (known.rows.length === 0) await connection.query(`CREATE SCHEMA ${schema}`)
    await connection.query(`CREATE TABLE ${schema}.lava_schema (version integer NOT NULL)`)
    await connection.query(`INSERT INTO ${schema}.lava_schema (version) VALUES (0)`)
  }
  for (const migration of migrations.slice(found ?? 0)) await connection.query(migration(schema))
  await connection.query(`UPDATE ${schema}.lava_schema SET version = ${migrations.length}`)
  await connection.query('COMMIT')
}

/**
 * Null when there is none yet. Asked of the catalogue's tables: `to_regclass` answers from a cache, which has not heard yet of what
 * another instance made while this one waited for the lock.
 */
async function versionOf(connection: PostgresConnection, name: string): Promise<number | null> {
  const schema = quoted(name)
  const known = await connection.query(
    `SELECT tablename::text FROM pg_catalog.pg_tables WHERE schemaname = '${name}' AND tablename = 'lava_schema'`,
  )
  if (known.rows.length === 0) return null
  const [row] = rowsOf((await connection.query(`SELECT version::text FROM ${schema}.lava_schema`)).rows)
  assert.ok(row, 'the schema has a version')
  const version = Number(textOf(row, 'version'))
  if (version > migrations.length)
    throw new Error(
      `the database has schema version ${version}, this lava-gateway knows ${migrations.length}: update the package`,
    )
  return version
}

/** The option's check lets no quotation mark through. */
export function quoted(name: string): string {
  return `"${name}"`
}
