// npm run bench:storage: what hold and settle cost on each storage. Prints tables; --out writes Markdown and JSON.
import { writeFile } from 'node:fs/promises'
import { availableParallelism, cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { fund, measure, measureRoundTrips, type Measured, type RoundTrips } from './load.ts'
import { reportOf } from './report.ts'
import { subjects, type BenchSubject, type MakeSubject } from './subjects.ts'

export interface Figures {
  machine: { node: string; cores: number; model: string }
  rates: (Measured & { storage: string; customers: number; inFlight: number })[]
  roundTrips: (RoundTrips & { storage: string; bare: string })[]
  growth: (Measured & { storage: string; customers: number; records: number })[]
  skipped: { storage: string; reason: string }[]
}

const { values } = parseArgs({
  options: {
    /** Which storages, separated by commas. */
    storage: { type: 'string', default: Object.keys(subjects).join(',') },
    /** How long each figure is measured. */
    seconds: { type: 'string', default: '2' },
    /** The largest store whose cost per pair is measured: a hundred thousand records, or with `--full` a million. */
    records: { type: 'string', default: '100000' },
    full: { type: 'boolean', default: false },
    /** Where to write `<out>.md` and `<out>.json`. */
    out: { type: 'string' },
  },
})
const forMs = Number(values.seconds) * 1000
const recordsMax = values.full ? 1_000_000 : Number(values.records)
const grownBy = Math.min(3000, recordsMax)
const names = values.storage.split(',')
if (!(forMs > 0) || !(recordsMax > 0) || names.some((name) => !(name in subjects)))
  throw new TypeError(`--seconds and --records are above 0, --storage is of ${Object.keys(subjects).join(',')}`)

const machine = { node: process.version, cores: availableParallelism(), model: cpus()[0]?.model ?? 'unknown' }
const figures: Figures = { machine, rates: [], roundTrips: [], growth: [], skipped: [] }
for (const storage of names) {
  const make = subjects[storage]
  if (make) await benchmark(storage, make)
}
const report = reportOf(figures)
console.log(report)
if (values.out !== undefined) {
  await writeFile(`${values.out}.md`, report)
  await writeFile(`${values.out}.json`, JSON.stringify(figures, null, 2))
}

async function benchmark(storage: string, make: MakeSubject): Promise<void> {
  const first = await make().catch((error: unknown) => {
    figures.skipped.push({ storage, reason: reasonOf(error) })
    return null
  })
  if (!first) return
  await within(first, (subject) => compare(storage, subject))
  for (const customers of [1, 10_000]) {
    await within(await make(), (subject) => rates(storage, customers, subject))
    await within(await make(), (subject) => growth(storage, customers, subject))
  }
}

async function within(subject: BenchSubject, use: (subject: BenchSubject) => Promise<void>): Promise<void> {
  try {
    await use(subject)
  } finally {
    await subject.remove()
  }
}

/** Hold and settle against the least that a round trip can be, one at a time. */
async function compare(storage: string, { storage: adapter, bare }: BenchSubject): Promise<void> {
  if (!bare) return
  await fund(adapter, 100)
  await measureRoundTrips(adapter, bare.run, forMs / 4)
  figures.roundTrips.push({ storage, bare: bare.name, ...(await measureRoundTrips(adapter, bare.run, forMs)) })
}

async function rates(storage: string, customers: number, { storage: adapter }: BenchSubject): Promise<void> {
  await fund(adapter, customers)
  await measure(adapter, { inFlight: 64, customers, forMs: forMs / 4 })
  for (const inFlight of [1, 16, 256])
    figures.rates.push({
      storage,
      customers,
      inFlight,
      ...(await measure(adapter, { inFlight, customers, forMs })),
    })
}

/** What a pair costs in a store that holds so many records already. */
async function growth(storage: string, customers: number, { storage: adapter }: BenchSubject): Promise<void> {
  const load = { inFlight: 256, customers }
  await fund(adapter, customers)
  let stored = 0
  for (let records = 1000; records <= recordsMax; records *= 10) {
    await measure(adapter, { ...load, pairs: records - stored })
    figures.growth.push({ storage, customers, records, ...(await measure(adapter, { ...load, pairs: grownBy })) })
    stored = records + grownBy
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? (error.message.split('\n', 1)[0] ?? '') : String(error)
}
