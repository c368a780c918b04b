// The harm of a chaos run: kills, pauses, cut connections and outages, at moments that matter.
import { setTimeout as wait } from 'node:timers/promises'
import type { MockProvider } from '../../src/testing/mock-provider.ts'
import type { Instances } from './instances.ts'
import type { MadePlace } from './places.ts'
import type { Random } from './random.ts'

export interface HarmOptions {
  seconds: number
  kills: number
  /** How often a process is stopped for longer than its holds live, and goes on. */
  pauses: number
  instances: number
}

export interface Harm {
  options: HarmOptions
  holdTtlMs: number
  random: Random
  instances: Instances
  made: MadePlace
  provider: MockProvider
  /** How many settlements have waited on disk at once so far, at most; looks there now. */
  onDisk: () => number
}

export interface Done {
  kills: number
  pauses: number
  connectionsCut: number
  outages: number
}

/** Enough on any machine, so that a gateway that keeps nothing on disk is found out, and not waited for. */
const outagesMax = 20

/** Kills, pauses, cuts and outages, spread over the time; goes on after it until there were as many kills as asked for. */
export async function harmAll(harm: Harm): Promise<Done> {
  const { options, holdTtlMs, random, instances, made, provider } = harm
  const endsAtMs = Date.now() + options.seconds * 1000
  const everyMs = (options.seconds * 1000) / options.kills
  const done: Done = { kills: 0, pauses: 0, connectionsCut: 0, outages: 0 }
  const anyOne = () => random.between(0, options.instances - 1)
  while (done.kills < options.kills || Date.now() < endsAtMs) {
    const isLast = done.kills >= options.kills
    await wait(isLast ? Math.max(0, endsAtMs - Date.now()) : everyMs * (0.2 + random.next() * 0.8))
    if (random.chance(0.5)) done.connectionsCut += await made.cutConnections()
    if (done.outages === 0) done.outages += await outagesUntilOnDisk(harm)
    else if (random.chance(0.3)) done.outages += await anOutage(random.between(0, options.instances - 1), harm)
    if (isLast) continue
    await aGoodMoment(random, instances, provider)
    const pausesDue = Math.round((options.pauses * (done.kills + 1)) / options.kills)
    if (done.pauses < pausesDue && instances.pause(anyOne(), random.between(2 * holdTtlMs, 3 * holdTtlMs))) {
      done.pauses++
      await wait(random.between(0, 4 * holdTtlMs))
    }
    if (await instances.kill(anyOne())) done.kills++
  }
  return done
}

/**
 * For all processes, while calls are under way, until a settlement that was refused has been seen on disk: how long a call takes,
 * and when it is looked at, is the machine's affair.
 */
async function outagesUntilOnDisk({ options, random, instances, provider, onDisk }: Harm): Promise<number> {
  let outages = 0
  for (let attempt = 0; attempt < outagesMax && onDisk() === 0; attempt++) {
    await instances.up()
    await Promise.race([provider.waitForCalls(provider.callCount + 1), wait(1_000)])
    const awayForMs = random.between(500, 3_000)
    const overAtMs = Date.now() + awayForMs
    const begun = Array.from({ length: options.instances }, (_, index) => instances.outage(index, awayForMs))
    if (begun.includes(true)) outages++
    await wait(300)
    while (onDisk() === 0 && Date.now() < overAtMs) await wait(5)
  }
  return outages
}

/** For one process. Long enough that settlements are refused before the next harm. */
async function anOutage(index: number, { random, instances }: Harm): Promise<number> {
  await instances.up()
  const begun = instances.outage(index, random.between(500, 3_000))
  await wait(300)
  return begun ? 1 : 0
}

/** Any moment; or when a call has just reached the provider; or when its answer has just ended, and is about to be settled. */
async function aGoodMoment(random: Random, instances: Instances, provider: MockProvider): Promise<void> {
  const kind = random.pick(['any', 'starting', 'called', 'answered'])
  if (kind === 'any' || kind === 'starting') return
  await instances.up()
  await Promise.race([provider.waitForCalls(provider.callCount + random.between(1, 3)), wait(1_000)])
  const open = provider.calls.find(({ status }) => status === 'open')
  if (kind === 'answered' && open) await Promise.race([provider.waitForEnd(open), wait(1_000)])
}
