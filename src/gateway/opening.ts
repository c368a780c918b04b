// Opening: the storage is opened once, before its first act, and tried again when that failed.
import type { StorageAdapter } from '../ledger/storage-adapter.ts'
import type { Logger } from './logger.ts'
import { configuredKeys, storedKeys, type SecretKeys } from './secret-key.ts'
import { storageIdOf } from './storage-id.ts'

export interface Opening {
  /** Rejects when the storage can't be opened; the next call tries again. */
  opened: () => Promise<unknown>
  /** The merchant's keys. Waits for the storage only where they are kept there. */
  keys: () => Promise<SecretKeys>
  /** Null: it is not open yet. */
  storageId: () => string | null
  /** Resolves when no opening is under way, whatever came of it. */
  settled: () => Promise<void>
  /** Closes the storage if it was ever opened. */
  closeStorage: () => Promise<void>
}

interface OpeningParts {
  storage: StorageAdapter
  secretKeys: readonly string[]
  logger: Logger
  /** Called after each successful opening (there is one, unless the first ones failed). */
  onOpened: () => void
}

export function createOpening({ storage, secretKeys, logger, onOpened }: OpeningParts): Opening {
  const configured = secretKeys.length > 0 ? configuredKeys(secretKeys) : null
  let opening: Promise<SecretKeys> | null = null
  let storage_id: string | null = null

  async function open(): Promise<SecretKeys> {
    try {
      await storage.open()
      storage_id = await storageIdOf(storage)
      const keys = configured ?? (await storedKeys(storage, logger))
      onOpened()
      return keys
    } catch (error) {
      opening = null
      throw error
    }
  }

  const opened = () => (opening ??= open())
  return {
    opened,
    keys: () => (configured ? Promise.resolve(configured) : opened()),
    storageId: () => storage_id,
    async settled() {
      // Whoever asked for the opening is told of its failure.
      await opening?.catch(() => undefined)
    },
    async closeStorage() {
      if (opening) await storage.close()
    },
  }
}
