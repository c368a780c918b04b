// Token counts: what was taken out of each signed token, kept in the storage, changed by one process at a time.
import { LRUCache } from 'lru-cache'
import { z } from 'zod'
import type { Clock } from '../clock.ts'
import { formatMoney, parseMoney, zeroMoney, type Money } from '../money.ts'
import type { TokenGrant } from './signed-token.ts'
import type { Storage } from './storage-access.ts'

export interface TokenCount {
  requests: number
  /** Charged, or held for calls that still run. */
  amount: Money
}

export interface TokenCounts {
  /**
   * Exactly once, on the newest count of all processes. Whatever `change` throws of the newest count is thrown here.
   *
   * @throws GatewayError `storage_unavailable`.
   */
  change(grant: TokenGrant, change: (count: TokenCount) => TokenCount): Promise<void>
  /** Deletes the counts of tokens that expired a day ago. */
  sweep(): Promise<void>
}

/** A token's count, as far as this process knows it: the last entry of a chain of documents. */
interface Chain {
  entry: number
  count: TokenCount
  /** The last change of this process, which the next one waits for. */
  changed: Promise<unknown>
  loaded: boolean
}

const kind = 'forward_token_use'
const entrySchema = z.object({ requests: z.int().nonnegative(), amount: z.string() })
const pageSize = 100
/** Another machine's clock may be behind, and take a token whose chain is gone for a new one. */
const keptAfterExpiryMs = 86_400_000

/**
 * Documents have no counters, but of many that race to write the same new one, one does. So each change of a token's counts is
 * a new document with the next number: who finds its number taken, reads what is there and tries the one after it.
 */
export function createTokenCounts({ storage, clock }: { storage: Storage; clock: Clock }): TokenCounts {
  const chains = new LRUCache<string, Chain>({ max: 10_000 })

  async function catchUp(grant: TokenGrant, chain: Chain): Promise<void> {
    for (;;) {
      const page = { after_id: idOf(grant, chain.entry), limit: pageSize }
      const found = await storage.use((adapter) => adapter.documents(kind, page))
      const own = found.filter(({ id }) => id.startsWith(idPrefix(grant)))
      const last = own.at(-1)
      if (last) {
        chain.entry = Number(last.id.slice(idPrefix(grant).length))
        chain.count = countOf(last.document)
      }
      if (own.length < pageSize) break
    }
    chain.loaded = true
  }

  /** @throws GatewayError what `change` throws, when it throws it of the newest counts too. */
  async function append(grant: TokenGrant, chain: Chain, change: (count: TokenCount) => TokenCount): Promise<void> {
    if (!chain.loaded) await catchUp(grant, chain)
    let newest = false
    for (;;) {
      let count: TokenCount
      try {
        count = change(chain.count)
      } catch (error) {
        // Another process may have given something back.
        if (newest) throw error
        await catchUp(grant, chain)
        newest = true
        continue
      }
      const id = idOf(grant, chain.entry + 1)
      const document = { requests: count.requests, amount: formatMoney(count.amount) }
      const put = await storage.use((adapter) => adapter.putDocument({ kind, id, document, only_if_absent: true }))
      chain.entry++
      chain.count = put.outcome === 'exists' ? countOf(put.document) : count
      if (put.outcome === 'written') return
    }
  }

  /** One change of a token at a time in this process: only other processes are raced against. */
  function changeCount(grant: TokenGrant, change: (count: TokenCount) => TokenCount): Promise<void> {
    const chain = chains.get(grant.token_id) ?? {
      entry: 0,
      count: { requests: 0, amount: zeroMoney },
      changed: Promise.resolve(),
      loaded: false,
    }
    chains.set(grant.token_id, chain)
    const changed = chain.changed.then(() => append(grant, chain, change))
    // Whoever asked for a change is told of its failure; the next one begins all the same.
    chain.changed = changed.catch(() => undefined)
    return changed
  }

  async function sweep(): Promise<void> {
    for (;;) {
      const found = await storage.use((adapter) => adapter.documents(kind, { limit: pageSize }))
      const old = found.filter(({ id }) => Number(id.split(':', 1)[0]) + keptAfterExpiryMs < clock())
      for (const { id } of old) await storage.use((adapter) => adapter.deleteDocument(kind, id))
      if (old.length < pageSize) return
    }
  }

  return { change: changeCount, sweep }
}

/** Ordered by expiry, so that the oldest come first when they are deleted. */
function idPrefix({ expires_at_ms, token_id }: TokenGrant): string {
  return `${String(expires_at_ms).padStart(15, '0')}:${token_id}:`
}

function idOf(grant: TokenGrant, entry: number): string {
  return `${idPrefix(grant)}${String(entry).padStart(12, '0')}`
}

function countOf(document: unknown): TokenCount {
  const { requests, amount } = entrySchema.parse(document)
  return { requests, amount: parseMoney(amount) }
}
