// The way to the storage: opened before its first act, and its failures told in one way.
import { GatewayError } from '../errors.ts'
import type { StorageAdapter } from '../ledger/storage-adapter.ts'
import { Roster, type Listed } from '../roster.ts'
import type { StorageWatch } from './health.ts'

export interface Storage {
  /**
   * Runs an act on the opened storage.
   *
   * @throws GatewayError `storage_unavailable` when the storage rejects: calls fail closed (design 5.14).
   */
  use<Outcome>(act: (adapter: StorageAdapter) => Promise<Outcome>): Promise<Outcome>
}

export function createStorageAccess(
  adapter: StorageAdapter,
  opened: () => Promise<unknown>,
  { watch, storageTimeoutMs }: { watch: StorageWatch; storageTimeoutMs: number },
): Storage {
  const patience = new Patience(storageTimeoutMs)
  let isOpen = false

  function carriedOut<Outcome>(act: (adapter: StorageAdapter) => Promise<Outcome>): Promise<Outcome> {
    // Nothing to wait for: every call holds and settles through here.
    if (isOpen) return act(adapter)
    return opened().then(() => {
      isOpen = true
      return act(adapter)
    })
  }

  return {
    use: (act) =>
      new Promise((resolve, reject) => {
        const fail = (error: unknown) => {
          patience.end(running)
          watch.failed(error)
          reject(unavailable(error))
        }
        // A storage behind a broken network neither answers nor refuses. What it did all the same is found by the act's id.
        const running: AwaitedAct = { place: -1, age: 0, fail }
        patience.begin(running)
        try {
          carriedOut(act).then((outcome) => {
            patience.end(running)
            watch.succeeded()
            resolve(outcome)
          }, fail)
        } catch (error) {
          // The host's own adapter may throw where it should reject.
          fail(error)
        }
      }),
  }
}

/** An act that the storage has not answered. */
interface AwaitedAct extends Listed {
  /** In ticks. */
  age: number
  fail: (error: unknown) => void
}

/** An act fails after the time that it is given, or up to a quarter of it later. */
const ticksPerTimeout = 4

/** One timer for all acts: two are made for every call, and hardly any is still there when it comes. */
class Patience {
  readonly #timeoutMs: number
  readonly #awaited = new Roster<AwaitedAct>()
  #timer: NodeJS.Timeout | undefined

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs
  }

  begin(act: AwaitedAct): void {
    this.#awaited.add(act)
    this.#timer ??= setInterval(() => this.#tick(), this.#timeoutMs / ticksPerTimeout)
    // The process stays until the act has ended, and no longer.
    if (this.#awaited.size === 1) this.#timer.ref()
  }

  end(act: AwaitedAct): void {
    if (this.#awaited.delete(act) && this.#awaited.size === 0) this.#timer?.unref()
  }

  #tick(): void {
    if (this.#awaited.size === 0) {
      clearInterval(this.#timer)
      this.#timer = undefined
    }
    for (const act of this.#awaited.all())
      // The first tick comes at any time after the act has begun.
      if (act.age++ === ticksPerTimeout) act.fail(new Error(`no answer within ${this.#timeoutMs} ms`))
  }
}

function unavailable(cause: unknown): GatewayError {
  const message = 'The gateway can’t reach its storage; try again shortly.'
  return new GatewayError('storage_unavailable', message, {}, { cause })
}
