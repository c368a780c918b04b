// The way to the storage: opened before its first act, and its failures told in one way.
import { GatewayError } from '../errors.ts'
import type { StorageAdapter } from '../ledger/storage-adapter.ts'
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
          clearTimeout(timer)
          watch.failed(error)
          reject(unavailable(error))
        }
        // A storage behind a broken network neither answers nor refuses. What it did all the same is found by the act's id.
        const timer = setTimeout(() => fail(new Error(`no answer within ${storageTimeoutMs} ms`)), storageTimeoutMs)
        try {
          carriedOut(act).then((outcome) => {
            clearTimeout(timer)
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

function unavailable(cause: unknown): GatewayError {
  const message = 'The gateway can’t reach its storage; try again shortly.'
  return new GatewayError('storage_unavailable', message, {}, { cause })
}
