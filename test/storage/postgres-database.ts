// The PostgreSQL that the tests talk to: a real server, or PGlite behind its socket where none runs.
import { PGlite } from '@electric-sql/pglite'
import { PGLiteSocketServer } from '@electric-sql/pglite-socket'
import { Pool, type PoolConfig } from 'pg'

export interface TestDatabase {
  /** Null on a real server; else why some promises can't be put to the test here. */
  shortcoming: string | null
  /** A pool of its own, as another instance has it; on PGlite always the same pool of one connection. */
  pool(config?: PoolConfig): Pool
  /** A schema name that no other test has. */
  freshSchema(): string
  /** Ends the pools and drops the schemas that were handed out so far. */
  clean(): Promise<void>
  close(): Promise<void>
}

/**
 * `DATABASE_URL`, or the local default port; `DATABASE_URL=pglite:` asks for PGlite. A database that is named must answer, and in
 * CI there must be one.
 */
export async function testDatabase(): Promise<TestDatabase> {
  const { DATABASE_URL, CI } = process.env
  if (DATABASE_URL === 'pglite:') return pgliteDatabase()
  const connectionString = DATABASE_URL ?? 'postgres://postgres@127.0.0.1:5432/test'
  const admin = new Pool({ connectionString, max: 2 })
  try {
    await admin.query('SELECT 1')
  } catch (error) {
    await admin.end()
    const isAway = error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED'
    if (!isAway || DATABASE_URL !== undefined || CI !== undefined) throw error
    return pgliteDatabase()
  }
  const pools = new Set<Pool>()
  return withSchemas(admin, {
    shortcoming: null,
    pool(config) {
      const pool = new Pool({ connectionString, max: 5, ...config })
      pools.add(pool)
      return pool
    },
    async endPools() {
      for (const pool of pools) await pool.end()
      pools.clear()
    },
    close: () => admin.end(),
  })
}

async function pgliteDatabase(): Promise<TestDatabase> {
  const database = await PGlite.create()
  const server = new PGLiteSocketServer({ db: database, port: 0, host: '127.0.0.1', maxConnections: 9 })
  await server.start()
  // One connection at a time (the others are those that end): the messages of several would mix in PGlite's single session.
  const pool = new Pool({ connectionString: `postgres://postgres@${server.getServerConn()}/postgres`, max: 1 })
  return withSchemas(pool, {
    shortcoming: 'PGlite has a single connection',
    pool: () => pool,
    endPools: () => Promise.resolve(),
    async close() {
      await pool.end()
      await server.stop()
      await database.close()
    },
  })
}

type Parts = Pick<TestDatabase, 'shortcoming' | 'pool' | 'close'> & { endPools: () => Promise<void> }

function withSchemas(admin: Pool, { endPools, ...parts }: Parts): TestDatabase {
  const made: string[] = []
  const clean = async (): Promise<void> => {
    await endPools()
    for (const schema of made.splice(0)) await admin.query(`DROP SCHEMA IF EXISTS "${schema}" CASCADE`)
  }
  return {
    ...parts,
    freshSchema() {
      const schema = `lava_test_${process.pid}_${Math.random().toString(36).slice(2, 10)}`
      made.push(schema)
      return schema
    },
    clean,
    async close() {
      await clean()
      await parts.close()
    },
  }
}
