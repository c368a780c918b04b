// The goals of issue 6, and how far the figures are from them.
import { against, type Slot, type Spread } from './figures.ts'
import { baselineOf } from './proxies.ts'

export interface Goal {
  name: string
  proxy: string
  base: string
  load: string
  /** At most this; or, where `atLeast`, at least. */
  bound: number
  atLeast?: true
  unit: string
  figure: (slot: Slot) => number
  compare?: (value: number, base: number) => number
}

export interface Judged extends Goal {
  measured: Spread
  met: boolean
}

const cpu = (slot: Slot) => slot.cpuPerThousand
const difference = (value: number, base: number) => value - base

const faces = ['express', 'koa']

export const goals: readonly Goal[] = [
  ...faces.flatMap((face) => [
    cpuGoal(`lava-${face}-sqlite`, 'json-1k-64', 1.15),
    cpuGoal(`lava-${face}-memory`, 'json-1k-64', 1),
    cpuGoal(`lava-${face}-postgres`, 'json-1k-64', 1.4),
    cpuGoal(`lava-${face}-redis`, 'json-1k-64', 1.4),
    cpuGoal(`lava-${face}-sqlite`, 'events-50-16', 1.05),
    cpuGoal(`lava-${face}-sqlite`, 'events-1000-16', 1.05),
  ]),
  ...['json-1k-1', 'json-1k-1-20ms', 'events-50-1'].map((load): Goal => ({
    name: 'added time to the first byte',
    proxy: 'lava-express-sqlite',
    base: 'bare-express',
    load,
    bound: 0.1,
    unit: 'ms',
    figure: (slot) => slot.firstByteMs.p50,
    compare: difference,
  })),
  {
    name: 'first byte',
    proxy: 'lava-express-sqlite',
    base: 'bare-express',
    load: 'slow-1000',
    bound: 1.1,
    unit: '',
    figure: (slot) => slot.firstByteMs.p50,
  },
  {
    name: 'memory over the bare proxy',
    proxy: 'lava-express-sqlite',
    base: 'bare-express',
    load: 'slow-1000',
    bound: 15,
    unit: 'MB',
    figure: (slot) => slot.rssBytes / 1e6,
    compare: difference,
  },
  {
    name: 'memory that the streams add, over the bare proxy',
    proxy: 'lava-express-sqlite',
    base: 'bare-express',
    load: 'slow-1000',
    bound: 15,
    unit: 'MB',
    figure: (slot) => slot.rssAddedBytes / 1e6,
    compare: difference,
  },
  {
    name: 'requests a second',
    proxy: 'lava-express-sqlite',
    base: 'portkey',
    load: 'json-1k-64',
    bound: 4.5,
    atLeast: true,
    unit: '',
    figure: (slot) => slot.requestsPerSecond,
  },
]

/** Those that were measured. */
export function judge(slots: readonly Slot[]): Judged[] {
  return goals.flatMap((goal) => {
    const measured = against(slots, goal, goal.figure, goal.compare)
    if (!measured) return []
    return [{ ...goal, measured, met: goal.atLeast ? measured.median >= goal.bound : measured.median <= goal.bound }]
  })
}

function cpuGoal(proxy: string, load: string, bound: number): Goal {
  return { name: 'CPU', proxy, base: baselineOf(proxy), load, bound, unit: '', figure: cpu }
}
