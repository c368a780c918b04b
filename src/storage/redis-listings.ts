// Redis listings: reads over many records, asked of the shards at once and merged.
import type { RequestRecord } from '../ledger/request-record.ts'
import type { RequestsPage, RequestsQuery } from '../ledger/storage-adapter.ts'
import { cursorAfter, sequenceOf } from './cursor.ts'
import { scriptOf, type Redis } from './redis-client.ts'
import { allShards, shardOf, type Keys } from './redis-keys.ts'
import { allName, customerName, meterName, pairName, readRows, recordIn } from './redis-rows.ts'

export interface Listings {
  requests(query: RequestsQuery): Promise<RequestsPage>
  expired(now_ms: number, limit: number): Promise<RequestRecord[]>
}

export function listingsOn(redis: Redis, keys: Keys): Listings {
  const recordsOf = (places: readonly Place[]) => recordsAt(redis, keys, places)
  return {
    async requests({ cursor, limit, ...filters }) {
      const before = cursor === undefined ? null : sequenceOf(cursor)
      if (cursor !== undefined && before === null) return { data: [], next_cursor: null }
      const shards = filters.customer_id === undefined ? allShards : [shardOf(filters.customer_id)]
      const names = namesIn(filters)
      // One row more than asked tells whether there is a next page.
      const found = await Promise.all(shards.map((shard) => listed(redis, keys, shard, names, before, limit + 1)))
      const places = found.flat().sort((a, b) => b.score - a.score)
      const page = places.slice(0, limit)
      const last = page.at(-1)
      const next_cursor = last && places.length > limit ? cursorAfter(last.score) : null
      return { data: await recordsOf(page), next_cursor }
    },
    async expired(now_ms, limit) {
      const found = await Promise.all(
        allShards.map(async (shard) =>
          placesIn(shard, await redis.run(expiredIn, keys.scriptKeys(shard), [String(now_ms), String(limit)])),
        ),
      )
      const earliest = found.flat().sort((a, b) => a.score - b.score)
      const records = await recordsOf(earliest.slice(0, limit))
      return records.filter(({ status }) => status === 'pending')
    },
  }
}

/** A record's id and its place in an order: its sequence, or its expiry. */
interface Place {
  shard: string
  id: string
  score: number
}

/** A page that walks past so many non-matching rows asks again, so that no script stands in the way of acts for long. */
const walkedMax = 1000

const listedIn = scriptOf(`
local before, limit, walked_max = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local listings, shortest = {}, 1
for index = 4, #ARGV do listings[#listings + 1] = KEYS[1] .. ':listed:' .. ARGV[index] end
for index = 2, #listings do
  if redis.call('ZCARD', listings[index]) < redis.call('ZCARD', listings[shortest]) then shortest = index end
end

local function in_all(id)
  for index, key in ipairs(listings) do
    if index ~= shortest and not redis.call('ZSCORE', key, id) then return false end
  end
  return true
end

local answer, place = {''}, before
local page = redis.call('ZREVRANGEBYSCORE', listings[shortest], before, '-inf', 'WITHSCORES',
  'LIMIT', 0, #listings == 1 and limit or walked_max)
for index = 1, #page, 2 do
  if in_all(page[index]) then
    answer[#answer + 1] = page[index]
    answer[#answer + 1] = page[index + 1]
    if #answer > limit * 2 then return answer end
  end
end
if #listings > 1 and #page == walked_max * 2 then answer[1] = page[#page] end
return answer
`)

/** The newest in a shard, of those before a sequence. */
async function listed(
  redis: Redis,
  keys: Keys,
  shard: string,
  names: readonly string[],
  before: number | null,
  limit: number,
): Promise<Place[]> {
  const places: Place[] = []
  let from = before === null ? '+inf' : `(${before}`
  for (;;) {
    const wanted = String(limit - places.length)
    const [reached, ...found] = await redis.run(listedIn, keys.scriptKeys(shard), [
      from,
      wanted,
      String(walkedMax),
      ...names,
    ])
    places.push(...placesIn(shard, found))
    if (reached === undefined || reached === '') return places
    from = `(${reached}`
  }
}

function namesIn({ customer_id, meter_id, metadata }: Pick<RequestsQuery, 'customer_id' | 'meter_id' | 'metadata'>) {
  const names = Object.entries(metadata ?? {}).map(([key, value]) => pairName(key, value))
  if (customer_id !== undefined) names.push(customerName(customer_id))
  if (meter_id !== undefined) names.push(meterName(meter_id))
  return names.length > 0 ? names : [allName]
}

const expiredIn = scriptOf(
  `return redis.call('ZRANGEBYSCORE', KEYS[1] .. ':open', '-inf', ARGV[1], 'WITHSCORES', 'LIMIT', 0, ARGV[2])`,
)

function placesIn(shard: string, found: readonly string[]): Place[] {
  const places: Place[] = []
  for (let index = 0; index < found.length; index += 2)
    places.push({ shard, id: found[index] ?? '', score: Number(found[index + 1]) })
  return places
}

/** In the order asked. One that was dropped meanwhile is left out. */
async function recordsAt(redis: Redis, keys: Keys, places: readonly Place[]): Promise<RequestRecord[]> {
  const byShard = Map.groupBy(places, ({ shard }) => shard)
  const found = new Map<Place, RequestRecord>()
  await Promise.all(
    [...byShard].map(async ([shard, wanted]) => {
      const ids = wanted.map(({ id }) => id)
      const texts = await redis.run(readRows, keys.scriptKeys(shard), ids)
      for (const [index, place] of wanted.entries()) {
        const record = recordIn(texts.slice(index * 3, index * 3 + 3))
        if (record) found.set(place, record)
      }
    }),
  )
  return places.flatMap((place) => found.get(place) ?? [])
}
