// The storage's id: tells the orders in a journal which storage they are for.
import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { StorageAdapter } from '../ledger/storage-adapter.ts'

const documentSchema = z.object({ storage_id: z.string() })

/** Made by the first start, kept in the storage itself. */
export async function storageIdOf(storage: StorageAdapter): Promise<string> {
  const document = { storage_id: randomUUID() }
  const put = await storage.putDocument({ kind: 'storage', id: 'id', document, only_if_absent: true })
  return put.outcome === 'exists' ? documentSchema.parse(put.document).storage_id : document.storage_id
}
