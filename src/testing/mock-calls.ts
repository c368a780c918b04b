// The calls of a mock provider: what came, what comes next, and who waits for it.
import type { IncomingHttpHeaders } from 'node:http'
import type { Behaviour } from './mock-behaviour.ts'

export interface MockCall {
  method: string
  /** With its query. */
  path: string
  headers: IncomingHttpHeaders
  body: Buffer
  /** `aborted`: the caller left, or the answer was cut on purpose. */
  status: 'open' | 'finished' | 'aborted'
}

/** How calls are answered when nothing else says so. */
export type DefaultBehaviour = Behaviour | ((call: MockCall) => Behaviour)

export class MockCalls {
  readonly calls: MockCall[] = []
  readonly queue: Behaviour[] = []
  readonly closing = new AbortController()
  readonly #behaviour: DefaultBehaviour
  readonly #callsMax: number
  #opened: Promise<void> | null = null
  #waiting: { met: () => boolean; tell: () => void }[] = []
  callCount = 0

  constructor(behaviour: DefaultBehaviour, callsMax: number) {
    this.#behaviour = behaviour
    this.#callsMax = callsMax
  }

  add(call: MockCall): void {
    this.callCount++
    this.calls.push(call)
    if (this.calls.length > this.#callsMax) this.calls.shift()
    this.changed()
  }

  end(call: MockCall, status: 'finished' | 'aborted'): void {
    if (call.status !== 'open') return
    call.status = status
    this.changed()
  }

  behaviourOf(call: MockCall): Behaviour {
    const queued = this.queue.shift()
    if (queued) return queued
    return typeof this.#behaviour === 'function' ? this.#behaviour(call) : this.#behaviour
  }

  gate(): { release(): void } {
    const { promise, resolve } = Promise.withResolvers<undefined>()
    const opened = promise.then(() => undefined)
    this.#opened = opened
    return {
      release: () => {
        if (this.#opened === opened) this.#opened = null
        resolve(undefined)
      },
    }
  }

  async throughGate(): Promise<void> {
    await this.#opened
  }

  until(met: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ met, tell: resolve })
      this.changed()
    })
  }

  changed(): void {
    const met = this.#waiting.filter((waiting) => waiting.met())
    this.#waiting = this.#waiting.filter((waiting) => !met.includes(waiting))
    for (const { tell } of met) tell()
  }
}
