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
  watch: StorageWatch,
): Storage {
  return {
    async use(act) {
      try {
        await opened()
        const outcome = await act(adapter)
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
