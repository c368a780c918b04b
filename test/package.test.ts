// The packed tarball in projects of others: one that has only Express, one that has only Koa.
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import packageJson from '../package.json' with { type: 'json' }
import * as expressDoor from '../src/index.ts'
import * as koaDoor from '../src/koa.ts'
import { mockProvider, type MockProvider } from '../src/testing/mock-provider.ts'
import { startProgram } from './readme/program.ts'
import { readmeBlock } from './readme/readme.ts'

const run = promisify(execFile)
const root = join(import.meta.dirname, '..')
const { devDependencies, peerDependencies } = packageJson

/** This very Node, also for npm. */
const env = { ...process.env, PATH: [dirname(process.execPath), process.env.PATH].join(delimiter) }
const npm = (folder: string, ...words: string[]) => run('npm', words, { cwd: folder, env })

const isRegistryThere = await npm(root, 'view', 'koa', 'version', '--fetch-retries=0').then(
  () => true,
  () => false,
)

type Tool = keyof typeof devDependencies

interface Project {
  folder: string
  /** Of every package below `node_modules`. */
  installed: ReadonlySet<string>
}

async function projectWith(folder: string, tarball: string, tools: readonly Tool[]): Promise<Project> {
  await writeFile(join(folder, 'package.json'), '{ "private": true, "type": "module" }')
  const wanted = [...tools, 'typescript' as const, '@types/node' as const].map((name) => `${name}@${devDependencies[name]}`) // prettier-ignore
  await npm(folder, 'install', '--prefer-offline', '--no-audit', '--no-fund', tarball, ...wanted)
  const { packages } = JSON.parse(await readFile(join(folder, 'node_modules/.package-lock.json'), 'utf8')) as {
    packages: Record<string, unknown>
  }
  return { folder, installed: new Set(Object.keys(packages).map((path) => path.replace(/^.*node_modules\//, ''))) }
}

/** Every name of every door. What a project does not have may not be needed by their types. */
function allDoors(own: string): string {
  return `
    import * as door from '${own}'
    import type { LavaOptions, RequestRecord, StorageAdapter, Usage, MeterInput, ReportInput, Budget } from '${own}'
    import { memoryStorage } from 'lava-gateway/storage/memory'
    import { postgresStorage } from 'lava-gateway/storage/postgres'
    import { redisStorage } from 'lava-gateway/storage/redis'
    import { sqliteStorage } from 'lava-gateway/storage/sqlite'
    import { mockProvider, storageConformance } from 'lava-gateway/testing'
    export const { GatewayError, forwardToken, formatMoney, lavaGateway, money, parseMoney, readUsage, recomputeCost } = door
    export const storages: ((options: never) => StorageAdapter)[] = [memoryStorage, postgresStorage, redisStorage, sqliteStorage]
    export const testing = { mockProvider, storageConformance }
    export type All = [LavaOptions, RequestRecord, Usage, MeterInput, ReportInput, Budget]
    // @ts-expect-error an option that is not there
    lavaGateway({ drainsMs: 1 })
  `
}

const compilerOptions = {
  target: 'es2024',
  module: 'nodenext',
  types: ['node'],
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: false,
  noEmit: true,
}

/** The files that the compiler looked at. */
async function typeChecked({ folder }: Project, files: Readonly<Record<string, string>>): Promise<string[]> {
  for (const [name, code] of Object.entries(files)) await writeFile(join(folder, name), code)
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: Object.keys(files) }))
  const compiler = join(folder, 'node_modules/typescript/bin/tsc')
  try {
    return (await run(process.execPath, [compiler, '--listFiles'], { cwd: folder })).stdout.trim().split('\n')
  } catch (error) {
    // What it found stands among the files.
    const lines = String(Reflect.get(Object(error), 'stdout')).split('\n')
    throw new Error(lines.filter((line) => !line.startsWith('/')).join('\n'), { cause: error })
  }
}

function peersIn({ installed }: Project): string[] {
  return Object.keys(peerDependencies).filter((name) => installed.has(name))
}

test('both doors have the same names', () => {
  expect(Object.keys(koaDoor).toSorted()).toEqual(Object.keys(expressDoor).toSorted())
})

describe.skipIf(!isRegistryThere)('the packed package, where the npm registry answers', () => {
  const folders: string[] = []
  let packed: readonly string[]
  let withExpress: Project
  let withKoa: Project
  let provider: MockProvider | undefined

  beforeAll(async () => {
    provider = await mockProvider({ behaviour: { inputTokens: 1200, outputTokens: 350 } })
    const folder = await emptyFolder()
    // `npm test` has built dist; a build now would pull it from under the other tests.
    const { stdout } = await npm(root, 'pack', '--ignore-scripts', '--json', '--pack-destination', folder)
    const [{ filename, files }] = JSON.parse(stdout) as [{ filename: string; files: { path: string }[] }]
    packed = files.map(({ path }) => path)
    const tarball = join(folder, filename)
    ;[withExpress, withKoa] = await Promise.all([
      projectWith(await emptyFolder(), tarball, ['express', '@types/express']),
      projectWith(await emptyFolder(), tarball, ['koa', '@types/koa']),
    ])
  }, 120_000)
  afterAll(async () => {
    await provider?.close()
    for (const folder of folders) await rm(folder, { recursive: true })
  })

  async function emptyFolder(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'lava-package-'))
    folders.push(folder)
    return folder
  }

  test('is what was built, and no more', () => {
    expect(packed.filter((path) => !/^(dist\/.+\.(js|d\.ts)|package\.json|README\.md|LICENSE)$/.test(path))).toEqual([])
    for (const door of Object.values(packageJson.exports).flatMap((door) => Object.values(door)))
      if (door.startsWith('./dist/')) expect(packed).toContain(door.slice(2))
  })

  test('brings no peer that was not asked for', () => {
    expect(peersIn(withExpress)).toEqual(['express'])
    expect(peersIn(withKoa)).toEqual(['koa'])
    for (const { installed } of [withExpress, withKoa])
      expect([...installed].filter((name) => /^(@redis\/|pg-|openai$|vitest$|@electric-sql\/)/.test(name))).toEqual([])
  })

  test.concurrent(
    'type-checks with Express, its own types included',
    async () => {
      const looked = await typeChecked(withExpress, {
        'doors.ts': allDoors('lava-gateway'),
        'app.ts': readmeBlock('Quick start 2').code,
        'two.ts': readmeBlock('Two gateways 1').code,
      })
      expect(looked.filter((path) => /node_modules\/(@types\/)?(koa|pg|ioredis|redis)\//.test(path))).toEqual([])
    },
    60_000,
  )

  test.concurrent(
    'type-checks with Koa, its own types included, and without a look at Express’s door',
    async () => {
      const looked = await typeChecked(withKoa, {
        'doors.ts': allDoors('lava-gateway/koa'),
        'errors.ts': readmeBlock('Errors in your own hands 1').code,
      })
      expect(looked.filter((path) => /lava-gateway\/dist\/(index|express)\./.test(path))).toEqual([])
      expect(looked.filter((path) => /node_modules\/(@types\/)?(pg|ioredis|redis)\//.test(path))).toEqual([])
    },
    60_000,
  )

  test('runs the quick start with Express: a key is printed, and with it calls are forwarded and recorded', async () => {
    await writeFile(join(withExpress.folder, 'app.mjs'), readmeBlock('Quick start 2').code)
    const program = startProgram({
      folder: withExpress.folder,
      file: 'app.mjs',
      mockUrl: provider?.url ?? '',
      env: { OPENAI_API_KEY: 'the-merchants-key' },
    })
    try {
      const [, key = ''] = /LAVA_SECRET_KEY: (aks_live_\S+)/.exec(await program.printed('LAVA_SECRET_KEY: aks_')) ?? []
      const base = await program.base
      expect(await chat(base, 'aks_live_of_somebody_else')).toMatchObject({ status: 401, json: { error: { code: 'unauthorized', status: 401 } } }) // prettier-ignore
      expect(await chat(base, key)).toMatchObject({ status: 200, json: { usage: { total_tokens: 1550 } } })
      expect(provider?.calls.at(-1)?.headers.authorization).toBe('Bearer the-merchants-key')
      const listed = await fetch(`${base}/v1/requests`, { headers: { authorization: `Bearer ${key}` } })
      expect(await listed.json()).toMatchObject({ data: [{ model_usage: { total_tokens: 1550 }, customer_id: null }] })
    } finally {
      await program.stop()
    }
  })

  test('runs with Koa: refusals reach the app’s own error handling', async () => {
    await writeFile(join(withKoa.folder, 'app.mjs'), readmeBlock('Errors in your own hands 1').code)
    const program = startProgram({ folder: withKoa.folder, file: 'app.mjs', mockUrl: provider?.url ?? '' })
    try {
      expect(await chat(await program.base, 'aks_live_of_somebody_else')).toEqual({
        status: 401,
        json: { problem: 'unauthorized' },
      })
    } finally {
      await program.stop()
    }
  })
})

async function chat(base: string, key: string): Promise<{ status: number; json: unknown }> {
  const answer = await fetch(`${base}/v1/forward?u=https://api.openai.com/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Hello' }] }),
  })
  return { status: answer.status, json: await answer.json() }
}
