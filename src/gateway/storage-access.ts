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
  return {
    async use(act) {
      try {
        const outcome = await inTime(
          opened().then(() => act(adapter)),
          storageTimeoutMs,
        )
        watch.succeeded()
        return outcome
      } catch (error) {
        watch.failed(error)
        throw new GatewayError(
          'storage_unavailable',
          'The gateway can’t reach its storage; try again shortly.',
          {},
          { cause: error },
        )
      }
    },
  }
}

/** A storage behind a broken network neither answers nor refuses. What it did all the same is found by the act's id. */
async function inTime<Outcome>(work: Promise<Outcome>, milliseconds: number): Promise<Outcome> {
  const { promise, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`no answer within ${milliseconds} ms`)), milliseconds)
  try {
    return await Promise.race([work, promise])
  } finally {
    clearTimeout(timer)
  }
}
