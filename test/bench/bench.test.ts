import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lava-bench-test-'))
})
afterAll(() => rm(folder, { recursive: true }))

const positive = z.number().positive()
const slots = z.object({
  slots: z.array(z.object({ proxy: z.string(), load: z.string(), requests: positive, cpuPerThousand: positive, firstByteMs: z.object({ p50: positive }), rssBytes: positive })),
  skipped: z.array(z.unknown()),
}) // prettier-ignore

test('compares proxies under loads, round by round, and writes the figures down', async () => {
  const script = join(import.meta.dirname, 'gateway', 'run.ts')
  const out = join(folder, 'gateway')
  const root = join(import.meta.dirname, '../..')
  const proxies = ['raw-http', 'bare-express', 'lava-express-sqlite', 'lava-koa-memory', 'portkey', `raw-http@${root}`]
  const loads = ['json-1k-16', 'events-50-16']
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [script, '--proxies', proxies.join(','), '--loads', loads.join(','), '--rounds', '1', '--seconds', '0.1', '--warm-up', '0.05', '--out', out],
    { env: { ...process.env, TMPDIR: folder } },
  ) // prettier-ignore
  const measured = slots.parse(JSON.parse(await readFile(`${out}.json`, 'utf8')))
  expect(measured.skipped).toEqual([])
  expect(measured.slots.map(({ proxy, load }) => `${load} ${proxy}`)).toEqual(
    expect.arrayContaining([
      ...proxies.map((proxy) => `json-1k-16 ${proxy}`),
      ...proxies.filter((proxy) => proxy !== 'portkey').map((proxy) => `events-50-16 ${proxy}`),
    ]),
  )
  expect(stdout).toContain(await readFile(`${out}.md`, 'utf8'))
  expect(stdout).toContain('| CPU | lava-express-sqlite | events-50-16 | bare-express |')
  expect((await readdir(folder)).sort()).toEqual(['gateway.json', 'gateway.md'])
  await Promise.all(['gateway.json', 'gateway.md'].map((file) => rm(join(folder, file))))
})

const figures = z.object({
  rates: z.array(z.object({ storage: z.string(), inFlight: positive, customers: positive, pairsPerSecond: positive })),
  roundTrips: z.array(z.object({ storage: z.string(), holdMs: z.object({ p50: positive, p99: positive }) })),
  growth: z.array(z.object({ storage: z.string(), records: positive, cpuMsPerPair: positive })),
  skipped: z.array(z.unknown()),
})

test('measures the embedded storages, writes the figures down and leaves no database behind', async () => {
  const script = join(import.meta.dirname, 'storage', 'run.ts')
  const out = join(folder, 'figures')
  const storages = ['memory', 'sqlite-full', 'sqlite-normal']
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [script, '--storage', storages.join(','), '--seconds', '0.03', '--records', '1000', '--out', out],
    { env: { ...process.env, TMPDIR: folder } },
  )
  const { rates, roundTrips, growth, skipped } = figures.parse(JSON.parse(await readFile(`${out}.json`, 'utf8')))
  const cells = rates.map(({ storage, customers, inFlight }) => `${storage} ${customers} ${inFlight}`)
  const expected = storages.flatMap((storage) =>
    [1, 10_000].flatMap((customers) => [1, 16, 256].map((inFlight) => `${storage} ${customers} ${inFlight}`)),
  )
  expect(cells).toEqual(expected)
  expect(roundTrips.map(({ storage }) => storage)).toEqual(['sqlite-full', 'sqlite-normal'])
  expect(growth).toHaveLength(6)
  expect(skipped).toEqual([])
  expect(stdout).toContain(await readFile(`${out}.md`, 'utf8'))
  expect((await readdir(folder)).sort()).toEqual(['figures.json', 'figures.md'])
})
