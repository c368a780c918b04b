// The secured hold: a provider is called while its hold is still being flushed to the disk; what it answers waits for that.
import type { OpenRequest } from './open-requests.ts'
import type { Settings } from './options.ts'
import type { Storage } from './storage-access.ts'

export interface SecuredHolds {
  /** Follows a hold whose storage has answered before it was durable. */
  follow: (request: OpenRequest, durable: Promise<void>) => void
  /**
   * Resolves when a power cut can't take the hold any more. Null: it can't, there is nothing to wait for.
   *
   * @throws GatewayError `storage_unavailable` when that could not be made sure.
   */
  secured: (request: OpenRequest) => Promise<void> | null
}

interface SecuringParts {
  settings: Pick<Settings, 'onStorageError' | 'logger'>
  storage: Storage
}

export function createSecuredHolds({ settings, storage }: SecuringParts): SecuredHolds {
  async function awaited(request_id: string, durable: Promise<void>): Promise<void> {
    try {
      await storage.use(() => durable)
    } catch (error) {
      if (settings.onStorageError === 'refuse') throw error
      settings.logger.warn(`lava-gateway: ${request_id} passes although its hold may not be on disk`)
    }
  }

  return {
    follow(request, durable) {
      request.unsecured = durable
      const secured = () => {
        request.unsecured = null
      }
      // A failure is told to whoever waits for it.
      durable.then(secured, () => undefined)
    },
    secured: ({ request_id, unsecured }) => unsecured && awaited(request_id, unsecured),
  }
}
