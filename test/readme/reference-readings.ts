// The rest of the README: reports, prices, shutdown, tests, usage that is read elsewhere, and storages.
import { Redis } from 'ioredis'
import { expect } from 'vitest'
import { testDatabase } from '../storage/postgres-database.ts'
import { secretKey } from '../support/fixed.ts'
import { isRedisAt, redisUrl } from '../support/redis-server.ts'
import { readmeBlock } from './readme.ts'
import { curl, type Readings } from './reading.ts'
import { answersIn, chat, goingOn, merchant, printedBy, recordsAt, shell, type Scene } from './scene.ts'
import { expressSession } from './sessions.ts'

const withSession = { modules: expressSession }
export const database = await testDatabase()

export const referenceReadings: Readings = {
  'Work done elsewhere 1': {
    promise: 'charges a report once, and refuses another with its id',
    needs: curl,
    async run({ code }, scene) {
      const base = await (await scene.start(readmeBlock('Charge your customers 1').code, withSession)).base
      const [first] = answersIn(await shell(code, base))
      expect(first).toMatchObject({ request_id: 'job-1', charge: { amount: '0.0600000000' } })
      expect(answersIn(await shell(code, base))).toEqual([first])
      const other = answersIn(await shell(code.replace('0.05', '0.06'), base))
      expect(other).toMatchObject([{ error: { code: 'request_id_reused', status: 409 } }])
    },
  },

  'Work done elsewhere 2': {
    promise: 'asks before the work, and charges it after',
    async run({ code }, scene) {
      const told = `console.log('told', affordable, record.charge.amount)`
      const program = await scene.start(goingOn(`${code}\n${told}`), withSession)
      // 5000 and 300 tokens of gpt-4o-mini, plus 20 %.
      expect(await program.printed('told ')).toContain('told true 0.0011160000')
    },
  },

  'Prices 1': {
    promise: 'prices a model of the host’s own',
    async run({ code }, scene) {
      const [, printed = ''] = /console\.log\(record\.cost\) \/\/ (.+)/.exec(code) ?? []
      expect(await printedBy(code, scene)).toBe(`${printed}\n`)
    },
  },

  'Health and shutdown 1': {
    promise: 'tells its health, and leaves nothing behind when it closes',
    async run({ code }, scene) {
      const program = await scene.start(code)
      const health = await fetch(`${await program.base}/health`)
      expect(await health.json()).toMatchObject({ status: 'ok' })
      await program.stop()
      const [, printed = 'nothing'] = /lava\.close\(\)\) \/\/ (.+)/.exec(code) ?? []
      expect(await program.ended()).toContain(printed)
    },
  },

  'Test your own app 1': {
    promise: 'meters calls of the mock provider, one of which fails',
    run: async ({ code }, scene) => {
      const printed = [...code.matchAll(/console\.log\(.+\) \/\/ (.+)/g)].map(([, comment]) => comment)
      expect(printed).toHaveLength(2)
      expect(await printedBy(code, scene)).toBe(`${printed.join('\n')}\n`)
    },
  },

  'A format of its own 1': {
    promise: 'charges what the host’s function read',
    async run({ code }, scene) {
      const base = await (await scene.start(code, { env: { LAVA_SECRET_KEY: secretKey, MINE_API_KEY: 'any' } })).base
      const chunks = [Buffer.from(JSON.stringify({ model: 'large', meta: { in: 1_000_000, out: 0 } }))]
      scene.provider.next({ raw: { status: 200, headers: { 'content-type': 'application/json' }, chunks } })
      const path = '/v1/providers/mine/ask'
      expect(await chat(base, merchant, { path })).toMatchObject({ status: 200 })
      expect((await recordsAt(base))[0]).toMatchObject({ provider: 'mine', model: 'large', cost: '0.5000000000' })
    },
  },

  '`readUsage`: answers that you got elsewhere 1': {
    promise: 'reads an answer, packed or not',
    async run({ code }, scene) {
      const asking = code.replace('fetch(url,', `fetch('${scene.provider.url}/v1/chat/completions',`)
      const used = { inputTokens: 9, outputTokens: 4 }
      for (const behaviour of [used, { ...used, encoding: 'gzip' as const }]) {
        scene.provider.next(behaviour)
        const output = await printedBy(asking, scene)
        for (const part of [`provider: 'openai'`, 'billable: true', 'estimated: false', 'input_tokens: 9', 'output_tokens: 4']) expect(output).toContain(part) // prettier-ignore
      }
    },
  },

  'Storages 1': {
    promise: 'keeps the records in PostgreSQL, for a next instance too',
    needs: { name: 'a PostgreSQL server runs', isThere: database.shortcoming === null },
    async run({ code }, scene) {
      const name = `lava_readme_${process.pid}`
      const admin = database.pool()
      await admin.query(`CREATE DATABASE ${name}`)
      const url = new URL(process.env.DATABASE_URL ?? 'postgres://postgres@127.0.0.1:5432/test')
      url.pathname = `/${name}`
      try {
        await twoInstances(code, scene, { DATABASE_URL: url.href })
      } finally {
        await admin.query(`DROP DATABASE ${name} WITH (FORCE)`)
      }
    },
  },

  'Storages 2': {
    promise: 'keeps the records in Redis, for a next instance too',
    needs: { name: 'a Redis server runs', isThere: await isRedisAt(redisUrl) },
    async run({ code }, scene) {
      const url = await emptyRedis()
      try {
        await twoInstances(code, scene, { REDIS_URL: url })
      } finally {
        const redis = new Redis(url)
        await redis.flushdb()
        redis.disconnect()
      }
    },
  },
}

async function twoInstances(code: string, scene: Scene, env: Record<string, string>): Promise<void> {
  for (const count of [1, 2]) {
    const program = await scene.start(code, { env: { LAVA_SECRET_KEY: secretKey, OPENAI_API_KEY: 'any', ...env } })
    expect(await chat(await program.base, merchant)).toMatchObject({ status: 200 })
    expect(await recordsAt(await program.base)).toHaveLength(count)
    await program.stop()
  }
}

/** The URL of a database that nobody uses, since the keys of the block begin as ever. */
async function emptyRedis(): Promise<string> {
  for (let database = 15; database > 0; database--) {
    const url = new URL(redisUrl)
    url.pathname = `/${database}`
    const redis = new Redis(url.href)
    const isEmpty = (await redis.dbsize()) === 0
    redis.disconnect()
    if (isEmpty) return url.href
  }
  throw new Error('every database of this Redis is used')
}
