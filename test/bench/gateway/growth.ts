// Growth: what a call costs with one customer and with many, in an empty store and in a full one.
import { spread, type Spread } from './figures.ts'
import { loads } from './loads.ts'
import type { Stage, StageProxy } from './stage.ts'

export interface GrowthStep {
  proxy: string
  customers: number
  records: number
  cpuPerThousand: Spread
}

export interface GrowthOptions {
  rounds: number
  forMs: number
  customersMax: number
  recordsMax: number
}

export async function measureGrowth(stage: Stage, names: readonly string[], options: GrowthOptions): Promise<GrowthStep[]> {
  const steps: GrowthStep[] = []
  for (const name of names) {
    for (const customers of upTo(options.customersMax, 100)) {
      const proxy = await stage.proxy(name)
      await proxy.fund(customers)
      steps.push({ proxy: name, customers, records: 0, ...(await measured(proxy, customers, options)) })
      await proxy.end()
    }
    const proxy = await stage.proxy(name)
    const customers = 1000
    await proxy.fund(customers)
    let filled = 0
    for (let records = 1000; records <= options.recordsMax; records *= 10) {
      await proxy.fill(customers, records - filled)
      filled = records
      steps.push({ proxy: name, customers, records, ...(await measured(proxy, customers, options)) })
    }
    await proxy.end()
  }
  return steps
} // prettier-ignore

/** 1, 100, 10,000, … and the most. */
function upTo(most: number, factor: number): number[] {
  const steps: number[] = []
  for (let step = 1; step < most; step *= factor) steps.push(step)
  return [...steps, most]
}

async function measured(proxy: StageProxy, customers: number, { rounds, forMs }: GrowthOptions) {
  const load = loads['json-1k-64']
  if (!load) throw new Error('there is no such load')
  const { answer, requestBytes, inFlight } = load
  const costs: number[] = []
  for (let round = -1; round < rounds; round++) {
    const before = await proxy.mark(false)
    const { requests } = await proxy.load({ answer, requestBytes, inFlight, forMs, customers, abortPercent: 0 })
    const after = await proxy.mark(false)
    if (round >= 0) costs.push((after.cpuMs - before.cpuMs) / requests)
  }
  return { cpuPerThousand: spread(costs) }
}

export function growthReport(steps: readonly GrowthStep[]): string {
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`
  const rows = steps.map(({ proxy, customers, records, cpuPerThousand: { median, min, max } }) => {
    const first = steps.find((step) => step.proxy === proxy && (step.records === 0) === (records === 0))
    const ratio = median / (first?.cpuPerThousand.median ?? NaN)
    return line([proxy, customers, records === 0 ? 'new store' : records, `${median.toFixed(4)} (${min.toFixed(4)}–${max.toFixed(4)})`, ratio.toFixed(2)]) // prettier-ignore
  })
  const head = ['', 'customers', 'records before', 'CPU s/1,000', '÷ the first']
  return `${[line(head), line(['---', '--:', '--:', '--:', '--:']), ...rows].join('\n')}\n`
}
