// The figures of the benchmark: what each slot measured, and the medians and ratios of their rounds.
import type { Loaded } from './load-order.ts'
import type { Mark } from './questions.ts'

/** One proxy under one load, once. */
export interface Slot {
  proxy: string
  load: string
  round: number
  requests: number
  requestsPerSecond: number
  /** CPU seconds of the proxy's process for a thousand requests, or events. */
  cpuPerThousand: number
  firstByteMs: Quantiles
  latencyMs: Quantiles
  /** At the end; of a burst while all its streams are open. */
  rssBytes: number
  /** What it grew by since the slot began. */
  rssAddedBytes: number
}

export interface Quantiles {
  p50: number
  p99: number
}

export interface Spread {
  median: number
  min: number
  max: number
}

export interface Machine {
  node: string
  cores: number
  model: string
}

export interface Figures {
  machine: Machine
  slots: Slot[]
  /** Proxies that could not be started. */
  skipped: { proxy: string; reason: string }[]
}

export function slotOf(
  at: { proxy: string; load: string; round: number; eventsPerRequest: number | null },
  loaded: Loaded,
  { before, amid, after }: { before: Mark; amid: Mark; after: Mark },
): Slot {
  const { proxy, load, round, eventsPerRequest } = at
  const counted = loaded.requests * (eventsPerRequest ?? 1)
  return {
    proxy,
    load,
    round,
    requests: loaded.requests,
    requestsPerSecond: (loaded.requests / loaded.elapsedMs) * 1000,
    cpuPerThousand: (after.cpuMs - before.cpuMs) / counted,
    firstByteMs: quantiles(loaded.firstByteMs),
    latencyMs: quantiles(loaded.latencyMs),
    rssBytes: amid.rssBytes,
    rssAddedBytes: amid.rssBytes - before.rssBytes,
  }
}

function quantiles(sorted: readonly number[]): Quantiles {
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN
  return { p50: at(0.5), p99: at(0.99) }
}

export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? NaN
  const median = sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2
  return { median, min: sorted[0] ?? NaN, max: sorted.at(-1) ?? NaN }
}

/** A figure of a proxy under a load, over its rounds. Null: it was not measured. */
export function over(slots: readonly Slot[], proxy: string, load: string, figure: (slot: Slot) => number): Spread | null {
  const values = slots.filter((slot) => slot.proxy === proxy && slot.load === load).map(figure)
  return values.length === 0 ? null : spread(values)
} // prettier-ignore

/** Each round's figure compared with the other proxy's in the same round. Null: one of them was not measured. */
export function against(
  slots: readonly Slot[],
  { proxy, base, load }: { proxy: string; base: string; load: string },
  figure: (slot: Slot) => number,
  compare: (value: number, base: number) => number = (value, of) => value / of,
): Spread | null {
  const values = slots.flatMap((slot) => {
    if (slot.proxy !== proxy || slot.load !== load) return []
    const other = slots.find((beside) => beside.proxy === base && beside.load === load && beside.round === slot.round)
    return other ? [compare(figure(slot), figure(other))] : []
  })
  return values.length === 0 ? null : spread(values)
}
