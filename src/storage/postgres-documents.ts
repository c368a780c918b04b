// PostgreSQL documents: configuration as JSON text under a kind and an id.
import assert from 'node:assert/strict'
import type { StorageAdapter } from '../ledger/storage-adapter.ts'
import { checkTexts, isStorable, rowsOf, textOf } from './postgres-columns.ts'
import type { Query } from './postgres-pool.ts'

type Documents = Pick<StorageAdapter, 'document' | 'putDocument' | 'documents' | 'deleteDocument'>

/** @param schema quoted; `nextAttempt` as for the acts. */
export function documentsOf(query: Query, schema: string, nextAttempt: () => string): Documents {
  const table = `${schema}.lava_documents`
  const put = `SELECT existing FROM ${schema}.lava_put_document_1($1, $2, $3, $4, $5)`
  return {
    async document(kind, id) {
      const sql = `SELECT document::text FROM ${table} WHERE kind = $1 AND id = $2`
      const [row] = isStorable(kind) && isStorable(id) ? rowsOf(await query(sql, [kind, id])) : []
      return row ? parsed(textOf(row, 'document')) : null
    },
    async putDocument({ kind, id, document, only_if_absent }) {
      checkTexts(kind, id)
      const values = [nextAttempt(), kind, id, jsonOf(document), only_if_absent]
      const [row] = rowsOf(await query(put, values))
      assert.ok(row, 'a function answers with a row')
      return row.existing === null
        ? { outcome: 'written' }
        : { outcome: 'exists', document: parsed(textOf(row, 'existing')) }
    },
    async documents(kind, { after_id, limit }) {
      assert.ok(Number.isSafeInteger(limit) && limit > 0, 'a limit is a positive whole number')
      checkTexts(after_id)
      if (!isStorable(kind)) return []
      const sql = `SELECT id, document::text FROM ${table}
        WHERE kind = $1 ${after_id === undefined ? '' : 'AND id > $3'} ORDER BY id LIMIT $2`
      const rows = rowsOf(await query(sql, after_id === undefined ? [kind, limit] : [kind, limit, after_id]))
      return rows.map((row) => ({ id: textOf(row, 'id'), document: parsed(textOf(row, 'document')) }))
    },
    async deleteDocument(kind, id) {
      if (!isStorable(kind) || !isStorable(id)) return false
      return (await query(`DELETE FROM ${table} WHERE kind = $1 AND id = $2 RETURNING id`, [kind, id])).length > 0
    },
  }
}

function jsonOf(document: unknown): string {
  const text: unknown = JSON.stringify(document)
  assert.ok(typeof text === 'string', 'a document is plain JSON')
  return text
}

function parsed(text: string): unknown {
  return JSON.parse(text)
}
