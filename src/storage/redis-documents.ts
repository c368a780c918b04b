// Redis documents: configuration as JSON text, each kind in one shard.
import assert from 'node:assert/strict'
import type { StorageAdapter } from '../ledger/storage-adapter.ts'
import { scriptOf, type Redis } from './redis-client.ts'
import { shardOf, type Keys } from './redis-keys.ts'

export type Documents = Pick<StorageAdapter, 'document' | 'putDocument' | 'documents' | 'deleteDocument'>

// `''` is no JSON, so that it can stand for none.
const put = scriptOf(`
local kind, id, document, only_if_absent = unpack(ARGV)
local key = KEYS[1] .. ':documents:' .. kind
local found = only_if_absent ~= '' and redis.call('HGET', key, id)
if found then return {found} end
redis.call('HSET', key, id, document)
redis.call('ZADD', KEYS[1] .. ':document-ids:' .. kind, 0, id)
return {''}
`)

// Members of the same score sort by their bytes.
const page = scriptOf(`
local kind, after, limit = unpack(ARGV)
local answer = {}
local ids = redis.call('ZRANGEBYLEX', KEYS[1] .. ':document-ids:' .. kind, after, '+', 'LIMIT', 0, limit)
for _, id in ipairs(ids) do
  answer[#answer + 1] = id
  answer[#answer + 1] = redis.call('HGET', KEYS[1] .. ':documents:' .. kind, id)
end
return answer
`)

const remove = scriptOf(`
local kind, id = unpack(ARGV)
redis.call('ZREM', KEYS[1] .. ':document-ids:' .. kind, id)
return {redis.call('HDEL', KEYS[1] .. ':documents:' .. kind, id)}
`)

export function documentsOn(redis: Redis, keys: Keys): Documents {
  return {
    async document(kind, id) {
      const key = `${keys.root(shardOf(kind))}:documents:${kind}`
      const [text = ''] = await redis.send(key, 'HGET', key, id)
      return text === '' ? null : parsed(text)
    },
    async putDocument({ kind, id, document, only_if_absent }) {
      assert.ok(kind.isWellFormed() && id.isWellFormed(), 'a kind and an id are well-formed Unicode')
      const text: unknown = JSON.stringify(document)
      assert.ok(typeof text === 'string', 'a document is plain JSON')
      const [found = ''] = await redis.run(put, keys.scriptKeys(shardOf(kind)), [
        kind,
        id,
        text,
        only_if_absent ? '1' : '',
      ])
      return found === '' ? { outcome: 'written' } : { outcome: 'exists', document: parsed(found) }
    },
    async documents(kind, { after_id, limit }) {
      assert.ok(Number.isSafeInteger(limit) && limit > 0, 'a limit is a positive whole number')
      const after = after_id === undefined ? '-' : `(${after_id}`
      const found = await redis.run(page, keys.scriptKeys(shardOf(kind)), [kind, after, String(limit)])
      const documents = []
      for (let index = 0; index < found.length; index += 2)
        documents.push({ id: found[index] ?? '', document: parsed(found[index + 1] ?? '') })
      return documents
    },
    async deleteDocument(kind, id) {
      return (await redis.run(remove, keys.scriptKeys(shardOf(kind)), [kind, id]))[0] === '1'
    },
  }
}

function parsed(text: string): unknown {
  return JSON.parse(text)
}
