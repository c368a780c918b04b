// The merchant's secret keys: those of the options, or one made, stored as a hash and printed once.
import { createHash, randomBytes } from 'node:crypto'
import { z } from 'zod'
import type { StorageAdapter } from '../ledger/storage-adapter.ts'
import type { Logger } from './logger.ts'

export interface SecretKeys {
  /** Whether it is one of the merchant's keys. Compared by hash, so the time taken tells nothing. */
  has(secretKey: string): boolean
}

const storedKeySchema = z.object({ sha256: z.string().regex(/^[0-9a-f]{64}$/) })

/** Those that the host gave: known without the storage. */
export function configuredKeys(secretKeys: readonly string[]): SecretKeys {
  return keysOf(secretKeys.map(sha256))
}

/** The stored key, which the first start makes and prints. */
export async function storedKeys(storage: StorageAdapter, logger: Logger): Promise<SecretKeys> {
  return keysOf([await storedOrNewHash(storage, logger)])
}

function keysOf(list: readonly string[]): SecretKeys {
  const hashes = new Set(list)
  return { has: (secretKey) => hashes.has(sha256(secretKey)) }
}

async function storedOrNewHash(storage: StorageAdapter, logger: Logger): Promise<string> {
  const secretKey = `aks_live_${randomBytes(32).toString('base64url')}`
  const document = { sha256: sha256(secretKey) }
  // Of several instances that start at once, one writes and prints; the others take what it wrote.
  const put = await storage.putDocument({ kind: 'secret_key', id: 'generated', document, only_if_absent: true })
  if (put.outcome === 'exists') return storedKeySchema.parse(put.document).sha256
  logger.info(`lava-gateway made a secret key. It is shown only now; keep it as LAVA_SECRET_KEY: ${secretKey}`)
  return document.sha256
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
