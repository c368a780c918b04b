// The secured hold: a provider is called while its hold is still being flushed to the disk; what it answers waits for that.
import type { OpenRequest } from './open-requests.ts'
import type { Settings } from './options.ts'
import type { Storage } from './storage-access.ts'

export interface SecuredHolds {
  /**
   * Follows a hold whose storage has answered before it was durable: until it is, the request has a promise of that, which rejects
   * with a GatewayError `storage_unavailable` when it could not be made sure within `storageTimeoutMs`.
   */
  follow: (request: OpenRequest, durable: Promise<void>) => void
}

interface SecuringParts {
  settings: Pick<Settings, 'onStorageError' | 'logger'>
  storage: Storage
}

export function createSecuredHolds({ settings, storage }: SecuringParts): SecuredHolds {
  return {
    follow(request, durable) {
      const secured = () => {
        request.unsecured = null
      }
      const failed = (error: unknown) => {
        if (settings.onStorageError === 'refuse') throw error
        settings.logger.warn(`lava-gateway: ${request.request_id} passes although its hold may not be on disk`)
        secured()
      }
      const unsecured = storage.use(() => durable).then(secured, failed)
      // Told to whoever waits for it, and nobody may.
      unsecured.catch(() => undefined)
      request.unsecured = unsecured
    },
  }
}
