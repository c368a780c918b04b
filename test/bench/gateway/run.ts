// npm run bench: what billing costs over the bare proxy. Prints tables; writes them, and every slot, to files.
import { writeFile } from 'node:fs/promises'
import { availableParallelism, cpus } from 'node:os'
import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { slotOf, type Figures } from './figures.ts'
import { growthReport, measureGrowth } from './growth.ts'
import { loads, type Load } from './loads.ts'
import { baselineOf, kindOf, proxyNames, takesStreams } from './proxies.ts'
import { reportOf } from './report.ts'
import { soak } from './soak.ts'
import { openStage, type Stage, type StageProxy } from './stage.ts'

const { values } = parseArgs({
  options: {
    /** Which proxies, separated by commas; `lava-express-sqlite@../other` is that of another, built checkout of about the same age. */
    proxies: { type: 'string', default: proxyNames.join(',') },
    /** Which loads, separated by commas. */
    loads: { type: 'string', default: Object.keys(loads).join(',') },
    /** Whose figures the others are divided by. Default: the bare proxy on the same framework. */
    against: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    /** How long each slot of a round is. */
    seconds: { type: 'string', default: '2' },
    /** In its first ten seconds V8 compiles: 7 % of this package's CPU, and 3 % of the bare proxy's. */
    'warm-up': { type: 'string', default: '15' },
    customers: { type: 'string', default: '100' },
    /** Where to write `<out>.md` and `<out>.json`. */
    out: { type: 'string', default: 'bench' },
    /** Leaves CPU and heap profiles of the proxies in the folder `<out>-profiles`. */
    profile: { type: 'boolean', default: false },
    /** More arguments of Node's for the proxies' processes, parted by spaces: `--node=--min-semi-space-size=16`. */
    node: { type: 'string', default: '' },
    /** In place of the rounds: so many minutes at 256 in flight, a tenth of the calls broken off. */
    soak: { type: 'string' },
    /** In place of the rounds: what a call costs with more customers, and with more records. */
    growth: { type: 'boolean', default: false },
    /** The most customers and the most records that `--growth` goes to. */
    'customers-max': { type: 'string', default: '100000' },
    'records-max': { type: 'string', default: '1000000' },
  },
})

const options = {
  rounds: above0(values.rounds),
  forMs: above0(values.seconds) * 1000,
  warmUpMs: above0(values['warm-up']) * 1000,
  customers: above0(values.customers),
}
const names = known(values.proxies, proxyNames)
const chosen = known(values.loads, Object.keys(loads))
const { against } = values
const baseOf = against === undefined ? baselineOf : () => against
const profiles = `${values.out}-profiles`
const profiling = ['--cpu-prof', `--cpu-prof-dir=${profiles}`, '--heap-prof', `--heap-prof-dir=${profiles}`]

const given = values.node.split(' ').filter((argument) => argument !== '')
const stage = await openStage(values.profile ? [...given, ...profiling] : given)
try {
  if (values.soak !== undefined)
    await show(await soak(stage, names, { minutes: above0(values.soak), customers: options.customers })) // prettier-ignore
  else if (values.growth)
    await show(growthReport(await measureGrowth(stage, names, { ...options, customersMax: above0(values['customers-max']), recordsMax: above0(values['records-max']) }))) // prettier-ignore
  else await compare(stage)
} finally {
  await stage.end()
}

async function compare(opened: Stage): Promise<void> {
  const machine = { node: process.version, cores: availableParallelism(), model: cpus()[0]?.model ?? 'unknown' }
  const figures: Figures = { machine, slots: [], skipped: [] }
  const proxies: StageProxy[] = []
  for (const name of names) {
    const proxy = await opened.proxy(name).catch((error: unknown) => {
      figures.skipped.push({ proxy: name, reason: String(error) })
      return null
    })
    if (!proxy) continue
    await proxy.fund(options.customers)
    proxies.push(proxy)
  }
  for (const name of chosen) {
    const load = loads[name]
    if (!load) continue
    const able = proxies.filter((proxy) => load.eventsPerRequest === null || takesStreams(proxy.name))
    await rounds(able, name, load, figures)
  }
  for (const proxy of proxies) await proxy.end()
  await show(reportOf(figures, baseOf))
  await writeFile(`${values.out}.json`, JSON.stringify(figures, null, 2))
}

/** Every proxy once a round, so that all meet the same noise, each round in another order. */
async function rounds(proxies: readonly StageProxy[], name: string, load: Load, figures: Figures): Promise<void> {
  for (let round = -1; round < options.rounds; round++) {
    const shift = (round + 1) % proxies.length
    for (const proxy of [...proxies.slice(shift), ...proxies.slice(0, shift)]) {
      // The round before the first only warms up: V8 goes on compiling for some ten thousand requests.
      const forMs = load.burst ? 1 : round < 0 ? options.warmUpMs : options.forMs
      const { answer, requestBytes, inFlight, eventsPerRequest } = load
      // Garbage is not collected here: a forced collection makes V8 forget compiled code, most of all of whoever has most.
      const before = await proxy.mark(false)
      const loading = proxy.load({ answer, requestBytes, inFlight, forMs, customers: options.customers, abortPercent: 0 }) // prettier-ignore
      // While all streams of a burst are open.
      const amid = load.burst ? await wait(load.burst.openMs / 2).then(() => proxy.mark(false)) : null
      const loaded = await loading
      const after = await proxy.mark(false)
      if (round < 0) continue
      const at = { proxy: proxy.name, load: name, round, eventsPerRequest }
      figures.slots.push(slotOf(at, loaded, { before, amid: amid ?? after, after }))
    }
  }
}

async function show(report: string): Promise<void> {
  console.log(report)
  await writeFile(`${values.out}.md`, report)
}

function above0(text: string): number {
  const number = Number(text)
  if (!(number > 0)) throw new TypeError(`${text} is no number above 0`)
  return number
}

function known(text: string, of: readonly string[]): string[] {
  const listed = text.split(',')
  const unknown = listed.find((name) => !of.includes(kindOf(name)))
  if (unknown !== undefined) throw new TypeError(`${unknown} is none of ${of.join(', ')}`)
  return listed
}
