// PostgreSQL storage against a real server.
import { Pool } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { postgresStorage } from '../../src/storage/postgres.ts'
import { storageConformance } from '../../src/testing/conformance.ts'
const connectionString = process.env.DATABASE_URL ?? 'postgres://root@127.0.0.1:5432/test'
let schemas = 0
const cases = storageConformance(async () => {
  const schema = `t${process.pid}_${++schemas}`
  const pools: Pool[] = []
  const open = async () => {
    const pool = new Pool({ connectionString, max: 5 })
    pools.push(pool)
    const storage = postgresStorage({ pool, schema })
    await storage.open()
    return storage
  }
  const storage = await open()
  return { storage, reopen: open, dispose: async () => {
    await pools[0]?.query(`DROP SCHEMA ${schema} CASCADE`)
    for (const pool of pools) await pool.end()
  } }
})
for (const { name, run } of cases) test(name, run)
