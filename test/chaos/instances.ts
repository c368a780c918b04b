// The gateway processes of a chaos run: started, killed, started again; only these, by their own handles.
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { z } from 'zod'
import type { Place } from './places.ts'

export interface InstancesOptions {
  count: number
  place: Place
  /** Shared by all instances, as by the processes of one machine. */
  journalPath: string
  providerUrl: string
  holdTtlMs: number
  onLost: 'release' | 'charge'
}

export interface Up {
  port: number
  incarnation: string
}

export interface Instances {
  start(): Promise<void>
  /** The processes that answer; waits until there is one. */
  up(): Promise<readonly Up[]>
  /** SIGKILL to one that runs, in its place a new one. Resolves when it is dead. False: it is not running. */
  kill(index: number): Promise<boolean>
  killAll(): Promise<void>
  /** Stops one in its tracks and lets it go on after a while, as a machine that swaps or a debugger does. False: none runs. */
  pause(index: number, milliseconds: number): boolean
  /** The storage is away, as one process sees it. False: none runs. */
  outage(index: number, awayForMs: number): boolean
  /** SIGTERM to all, and waits for their end. */
  stop(): Promise<void>
  readonly story: Story
}

/** What became of the processes. */
export interface Story {
  /** When each killed incarnation was killed. */
  killedAtMs: Map<string, number>
  /** When each incarnation was first paused, or its storage was first away: it could not renew its holds. */
  pausedAtMs: Map<string, number>
  /** Ends that nobody asked for, and stops that failed. */
  ends: string[]
  /** What the gateways logged as errors. */
  errors: string[]
  /** Requests that some process said it lost, by recovery. */
  lost: Set<string>
}

const readyWithinMs = 30_000
const portMessage = z.object({ port: z.number() })
const errorMessage = z.object({ error: z.string() })
const recordMessage = z.object({ record: z.object({ request_id: z.string(), status: z.string() }) })

interface Running {
  child: ChildProcess
  incarnation: string
  port: number | null
  exited: Promise<unknown>
}

export function createInstances(options: InstancesOptions): Instances {
  const story: Story = { killedAtMs: new Map(), pausedAtMs: new Map(), ends: [], errors: [], lost: new Set() }
  const running = new Map<number, Running>()
  let incarnations = 0
  let stopping = false
  let waiting: (() => void)[] = []

  function begin(index: number): void {
    const incarnation = `${index}-${++incarnations}`
    const child = fork(join(import.meta.dirname, 'gateway-process.ts'), {
      env: environmentOf(options, incarnation),
      execArgv: [],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    const instance: Running = { child, incarnation, port: null, exited: once(child, 'exit') }
    running.set(index, instance)
    const late = setTimeout(() => story.ends.push(`${incarnation} was not ready in ${readyWithinMs} ms`), readyWithinMs)
    child.on('message', (message) => {
      const error = errorMessage.safeParse(message)
      const record = recordMessage.safeParse(message)
      if (error.success) story.errors.push(`${incarnation}: ${error.data.error}`)
      else if (record.success) {
        if (record.data.record.status === 'error') story.lost.add(record.data.record.request_id)
      } else {
        instance.port = portMessage.parse(message).port
        clearTimeout(late)
        const told = waiting
        waiting = []
        for (const tell of told) tell()
      }
    })
    child.once('exit', (code, signal) => {
      clearTimeout(late)
      running.delete(index)
      if (story.killedAtMs.has(incarnation) || (stopping && code === 0)) return
      story.ends.push(`${incarnation} ended with ${String(code ?? signal)}`)
      if (!stopping) begin(index)
    })
  }

  async function up(): Promise<readonly Up[]> {
    for (;;) {
      const ready = [...running.values()].flatMap(({ port, incarnation, child }) =>
        port === null || child.killed ? [] : [{ port, incarnation }],
      )
      if (ready.length > 0) return ready
      await new Promise<void>((resolve) => waiting.push(resolve))
    }
  }

  async function slay(index: number): Promise<boolean> {
    const instance = running.get(index)
    if (!instance || instance.child.killed) return false
    story.killedAtMs.set(instance.incarnation, Date.now())
    instance.child.kill('SIGKILL')
    await instance.exited
    return true
  }

  return {
    story,
    up,
    async start() {
      for (let index = 0; index < options.count; index++) begin(index)
      await up()
    },
    async kill(index) {
      const killed = await slay(index)
      if (killed && !stopping) begin(index)
      return killed
    },
    async killAll() {
      await Promise.all([...running.keys()].map((index) => slay(index)))
    },
    pause(index, milliseconds) {
      const instance = running.get(index)
      if (!instance || instance.child.killed || instance.port === null) return false
      const { child, incarnation } = instance
      if (!story.pausedAtMs.has(incarnation)) story.pausedAtMs.set(incarnation, Date.now())
      // process.kill(): child.kill() would mark it as killed.
      signal(child, 'SIGSTOP')
      setTimeout(() => signal(child, 'SIGCONT'), milliseconds)
      return true
    },
    outage(index, awayForMs) {
      const instance = running.get(index)
      if (!instance || instance.child.killed || instance.port === null) return false
      // It can't renew its holds meanwhile, as one that is paused.
      const { incarnation } = instance
      if (!story.pausedAtMs.has(incarnation)) story.pausedAtMs.set(incarnation, Date.now())
      return instance.child.send({ awayForMs })
    },
    async stop() {
      // One that is still starting does not listen for the signal yet.
      while ([...running.values()].some(({ port }) => port === null))
        await new Promise<void>((resolve) => waiting.push(resolve))
      stopping = true
      const all = [...running.values()]
      for (const { child } of all) child.kill('SIGTERM')
      await Promise.all(all.map(({ exited }) => exited))
    },
  }
}

/** Only while the handle knows that the process runs: its number may be another's afterwards. */
function signal(child: ChildProcess, name: 'SIGSTOP' | 'SIGCONT'): void {
  if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) process.kill(child.pid, name)
}

function environmentOf(options: InstancesOptions, incarnation: string): NodeJS.ProcessEnv {
  return {
    ...process.env,
    STORAGE: options.place.kind,
    STORAGE_AT: options.place.at,
    JOURNAL_PATH: options.journalPath,
    PROVIDER_URL: options.providerUrl,
    HOLD_TTL_MS: String(options.holdTtlMs),
    ON_LOST: options.onLost,
    INCARNATION: incarnation,
  }
}
