// Redis keys: which slot each key lives in, and why an id is used once although no two slots share a transaction.
import { crc32 } from 'node:zlib'

/**
 * All data lies in 64 shards, each one hash slot (`{lava:07}`). A customer's balance, totals, holds, records and entries live
 * in the shard of the customer's id, and so do the index entries of those records: one script writes them all, so that no
 * crash can part them and nothing needs repair. What spans all customers asks the 64 shards at once and merges. A record
 * without a customer lives in the shard of its own id. The number is part of the layout and never changes.
 *
 * In a shard, `{lava:07}:`
 * - `customer:<id>` (hash: cycle, bundle, held), `total:<id>` (hash by meter and cycle): decimal integers;
 * - `request:<id>`, `entry:<id>` (hashes);
 * - `open` (sorted by expiry), `listed:<filter>` (sorted by sequence), `used` and `used:<customer>` (sorted by creation);
 * - `documents:<kind>`, `document-ids:<kind>`; `claim:<kind>:<id>`, `forfeited:<kind>:<id>` (redis-claims.ts).
 *
 * Scripts are given the shard as their first key and build the others on it; they are in its slot by the hash tag.
 */
export interface Keys {
  /** `{lava:07}`: the beginning of every key in the shard. */
  root(shard: string): string
  /**
   * What every script on a shard is given: two keys, of which none exists. While a cluster moves the slot to another server, a
   * part of the shard is here and a part is there; for missing keys Redis then sends the client on, and for two of them the
   * other server answers TRYAGAIN, so that no script ever runs on half a shard.
   */
  scriptKeys(shard: string): [string, string]
  claim(kind: ClaimKind, id: string): string
  /** Of the count that orders all records. */
  sequence: string
  schema: string
}

/** Ids that are unique over all customers. */
export type ClaimKind = 'request' | 'entry'

export function keysWith(prefix: string): Keys {
  const root = (shard: string): string => `{${prefix}:${shard}}`
  return {
    root,
    scriptKeys: (shard) => [root(shard), `${root(shard)}:whole`],
    claim: (kind, id) => `${root(shardOf(id))}:claim:${kind}:${id}`,
    sequence: `{${prefix}}:sequence`,
    schema: `{${prefix}}:schema`,
  }
}

const shardCount = 64

/** Two digits, so that they sort and are cut off a claim easily. */
export const allShards: readonly string[] = Array.from({ length: shardCount }, (_, index) => named(index))

export function shardOf(id: string): string {
  return named(crc32(id) % shardCount)
}

export function shardOfRecord({ customer_id, request_id }: { customer_id: string | null; request_id: string }): string {
  return shardOf(customer_id ?? request_id)
}

function named(index: number): string {
  return String(index).padStart(2, '0')
}
