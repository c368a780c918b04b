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
