// A chaos run: load, kills, cuts and outages for a while; then quiet, recovery, and the evidence.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { z } from 'zod'
import { availableOf, totalOf } from '../../src/ledger/balance.ts'
import { openJournal } from '../../src/ledger/journal.ts'
import type { StorageAdapter } from '../../src/ledger/storage-adapter.ts'
import { minMoney, zeroMoney } from '../../src/money.ts'
import { mockProvider, type MockCall, type MockProvider } from '../../src/testing/mock-provider.ts'
import type { Evidence, ProviderEvidence } from './evidence.ts'
import { createInstances, type Instances } from './instances.ts'
import { harmAll, type HarmOptions } from './harm.ts'
import { startLoad, type Load } from './load.ts'
import { makePlace, openPlace, type StorageKind } from './places.ts'
import { randomFrom } from './random.ts'
import { customers } from './scene.ts'

export interface ChaosOptions extends HarmOptions {
  storage: StorageKind
  seed: number
  onLost: 'release' | 'charge'
}

export interface ChaosRun {
  evidence: Evidence
  kills: number
  pauses: number
  connectionsCut: number
  outages: number
  /** How many settlements waited on disk at once, at most. */
  journaled: number
  /** What the gateways logged as errors. */
  errors: readonly string[]
}

const holdTtlMs = 1_500
const quietWithinMs = 60_000

export async function chaos(options: ChaosOptions): Promise<ChaosRun> {
  const random = randomFrom(options.seed)
  const made = await makePlace(options.storage, `${options.seed}_${process.pid}`)
  const watching = await openPlace(made.place)
  const folder = await mkdtemp(join(tmpdir(), 'lava-chaos-journal-'))
  const journalPath = join(folder, 'journal.db')
  const provider = await startProvider()
  const instances = createInstances({
    count: options.instances,
    place: made.place,
    journalPath,
    providerUrl: provider.mock.url,
    holdTtlMs,
    onLost: options.onLost,
  })
  try {
    await watching.storage.open()
    await instances.start()
    const load = startLoad(instances, randomFrom(options.seed + 1))
    provider.behaviours = load.behaviours
    const watch = startWatch(watching.storage, journalPath)
    const harm = await harmAll({
      options,
      random,
      holdTtlMs,
      instances,
      made,
      provider: provider.mock,
      onDisk: watch.onDisk,
    })
    load.stop()
    // The last kill: recovery starts from what every process left open.
    await instances.killAll()
    await instances.start()
    await load.done
    await quiet(watching.storage, journalPath)
    const { lowest, journaled } = await watch.stop()
    await instances.stop()
    const evidence = await collect({ options, load, provider, instances, storage: watching.storage, lowest })
    return { ...harm, evidence, kills: harm.kills + options.instances, journaled, errors: instances.story.errors }
  } finally {
    await instances.killAll()
    await watching.storage.close()
    await watching.end()
    await provider.mock.close()
    await made.remove()
    await rm(folder, { recursive: true })
  }
}

interface ChaosProvider {
  mock: MockProvider
  behaviours: Load['behaviours']
  log: ProviderEvidence[]
}

const bodySchema = z.object({ user: z.string() })

async function startProvider(): Promise<ChaosProvider> {
  const log: ProviderEvidence[] = []
  const behaviour = (call: MockCall) => {
    const { user: marker } = bodySchema.parse(JSON.parse(call.body.toString('utf8')))
    const planned = provider.behaviours.get(marker) ?? {}
    log.push({ marker, input_tokens: planned.inputTokens ?? 0, output_tokens: planned.outputTokens ?? 0 })
    return planned
  }
  const provider: ChaosProvider = { mock: await mockProvider({ behaviour, callsMax: 100 }), behaviours: new Map(), log }
  return provider
}

interface Seen {
  lowest: Evidence['lowest']
  journaled: number
}

interface Watch {
  /** How many settlements have waited on disk at once so far, at most; looks there now. */
  onDisk: () => number
  stop(): Promise<Seen>
}

/** Looks at every balance, and into the journal, again and again: an overspend may be gone by the end. */
function startWatch(storage: StorageAdapter, journalPath: string): Watch {
  const journal = openJournal(journalPath)
  const lowest: Evidence['lowest'] = new Map()
  let journaled = 0
  let going = true
  const onDisk = (): number => {
    try {
      journaled = Math.max(journaled, journal.size())
    } catch {
      // A gateway may be making the file in this instant; the next look is soon.
    }
    return journaled
  }
  async function look(): Promise<void> {
    while (going) {
      for (const { id } of customers) {
        // Its connection may just have been cut; the next look is soon.
        const balance = await storage.balance(id).catch(() => null)
        if (!balance) continue
        const before = lowest.get(id) ?? { total: zeroMoney, available: zeroMoney }
        lowest.set(id, {
          total: minMoney(before.total, totalOf(balance)),
          available: minMoney(before.available, availableOf(balance, zeroMoney)),
        })
      }
      onDisk()
      await wait(20)
    }
  }
  const looking = look()
  return {
    onDisk,
    async stop() {
      going = false
      await looking
      journal.close()
      return { lowest, journaled }
    },
  }
}

/** Waits until recovery has finished every hold. */
async function quiet(storage: StorageAdapter, journalPath: string): Promise<void> {
  const journal = openJournal(journalPath)
  const deadlineMs = Date.now() + quietWithinMs
  while (Date.now() < deadlineMs) {
    // What waits on disk may still charge a request whose hold was given up.
    if (journal.size() === 0 && (await storage.expired(Number.MAX_SAFE_INTEGER, 1)).length === 0) break
    await wait(50)
  }
  // The audit tells what is left.
  journal.close()
}

interface Collected {
  options: ChaosOptions
  load: Load
  provider: ChaosProvider
  instances: Instances
  storage: StorageAdapter
  lowest: Evidence['lowest']
}

async function collect({ options, load, provider, instances, storage, lowest }: Collected): Promise<Evidence> {
  const records: Evidence['records'] = []
  for (let cursor: string | null | undefined; cursor !== null;) {
    const page = await storage.requests({ limit: 100, ...(cursor === undefined ? {} : { cursor }) })
    records.push(...page.data)
    cursor = page.next_cursor
  }
  const balances: Evidence['balances'] = new Map()
  const totals: Evidence['totals'] = new Map()
  for (const { id, meter } of customers) {
    balances.set(id, await storage.balance(id))
    totals.set(id, await storage.meterTotal({ customer_id: id, meter_id: meter.meter_slug, cycle: '' }))
  }
  const { killedAtMs, pausedAtMs, lost, ends } = instances.story
  const usage = await storage.usage({ start_ms: 0, end_ms: Date.now() + 86_400_000, utc_offset_minutes: 0 })
  const { calls, reports, credits } = load
  const told = { calls, reports, credits, provider: provider.log }
  return {
    customers,
    onLost: options.onLost,
    ...told,
    lowest,
    killedAtMs,
    pausedAtMs,
    lost,
    ends,
    records,
    balances,
    totals,
    usage,
  }
}
