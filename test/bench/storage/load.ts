// The load of the storage benchmark: calls that are held and settled, so many at once.
import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { systemClock, systemIds } from '../../../src/clock.ts'
import type { StorageAdapter } from '../../../src/ledger/storage-adapter.ts'
import { parseMoney } from '../../../src/money.ts'
import { creditAct, holdAct, race, settleAct } from '../../../src/testing/conformance/subject.ts'

export interface Load {
  inFlight: number
  customers: number
  /** Stops after so many pairs of hold and settle, or after so many milliseconds. */
  pairs?: number
  forMs?: number
}

export interface Measured {
  pairs: number
  pairsPerSecond: number
  /** Of this process: a database server's own is not in it. */
  cpuMsPerPair: number
  holdMs: Latency
  settleMs: Latency
}

export interface Latency {
  p50: number
  p99: number
}

const newId = systemIds(systemClock)

/** Gives each of the customers more credit than a benchmark can use. */
export async function fund(storage: StorageAdapter, customers: number): Promise<void> {
  let next = 0
  await race(64, async () => {
    for (let index = next++; index < customers; index = next++)
      await storage.credit(creditAct(newId(), '10000000', { customer_id: customerAt(index) }))
  })
}

/** Holds and settles with `inFlight` callers, each of which waits for its hold before it settles. */
export async function measure(storage: StorageAdapter, load: Load): Promise<Measured> {
  const { inFlight, customers, pairs = Infinity, forMs = Infinity } = load
  const holds: number[] = []
  const settles: number[] = []
  let started = 0
  const cpu = process.cpuUsage()
  const beginMs = performance.now()
  await race(inFlight, async () => {
    while (started < pairs && performance.now() - beginMs < forMs) {
      const { hold, settle } = pairFor(customerAt((started++ * 7919) % customers))
      const atMs = performance.now()
      assert.equal((await storage.hold(hold)).outcome, 'held')
      const heldMs = performance.now()
      assert.equal((await storage.settle(settle)).outcome, 'settled')
      holds.push(heldMs - atMs)
      settles.push(performance.now() - heldMs)
      // Memory storage answers without leaving the turn; the clock must go on all the same.
      if (started % 1024 === 0) await turn()
    }
  })
  const elapsedMs = performance.now() - beginMs
  const { user, system } = process.cpuUsage(cpu)
  return {
    pairs: holds.length,
    pairsPerSecond: (holds.length / elapsedMs) * 1000,
    cpuMsPerPair: (user + system) / 1000 / holds.length,
    holdMs: latencyOf(holds),
    settleMs: latencyOf(settles),
  }
}

export interface RoundTrips {
  bareMs: Latency
  holdMs: Latency
  settleMs: Latency
}

/** One act at a time, each beside a bare round trip, so that all meet the same noise. */
export async function measureRoundTrips(
  storage: StorageAdapter,
  bare: () => Promise<unknown>,
  forMs: number,
): Promise<RoundTrips> {
  const taken: Record<'bare' | 'hold' | 'settle', number[]> = { bare: [], hold: [], settle: [] }
  const endMs = performance.now() + forMs
  for (let index = 0; performance.now() < endMs; index++) {
    const { hold, settle } = pairFor(customerAt(index % 100))
    await timed(taken.bare, bare)
    await timed(taken.hold, () => storage.hold(hold))
    await timed(taken.settle, () => storage.settle(settle))
  }
  return { bareMs: latencyOf(taken.bare), holdMs: latencyOf(taken.hold), settleMs: latencyOf(taken.settle) }
}

async function timed(taken: number[], run: () => Promise<unknown>): Promise<void> {
  const beginMs = performance.now()
  await run()
  taken.push(performance.now() - beginMs)
}

function latencyOf(taken: readonly number[]): Latency {
  const sorted = Float64Array.from(taken).sort()
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN
  return { p50: at(0.5), p99: at(0.99) }
}

function customerAt(index: number): string {
  return `customer-${index}`
}

const label = { record: { metadata: {} } }
const heldSample = holdAct('sample', '0.01', label)
const settledSample = settleAct('sample', '0.0042', {
  record: {
    provider_status: 200,
    response_id: 'chatcmpl-0123456789abcdefghij',
    usage: { input_tokens: 1200, cache_read_tokens: 1024, output_tokens: 345 },
    usage_source: 'provider',
    cost: '0.0042000000',
    cost_explanation: {
      source: 'genai-prices 0.1.8',
      model: 'gpt-4o-mini',
      lines: [
        { quantity_of: 'input_tokens', quantity: 176, unit_price: '0.15', per: 1_000_000 },
        { quantity_of: 'cache_read_tokens', quantity: 1024, unit_price: '0.075', per: 1_000_000 },
        { quantity_of: 'output_tokens', quantity: 345, unit_price: '0.6', per: 1_000_000 },
      ],
    },
  },
})
const charge = parseMoney('0.0042')

function pairFor(customer_id: string) {
  const request_id = newId()
  const fingerprint = request_id
  return {
    hold: {
      ...heldSample,
      fingerprint,
      expires_at_ms: Date.now() + 600_000,
      record: { ...heldSample.record, request_id, customer_id },
    },
    settle: { ...settledSample, fingerprint, charge, record: { ...settledSample.record, request_id, customer_id } },
  }
}
