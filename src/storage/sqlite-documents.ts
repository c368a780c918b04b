// SQLite documents: configuration as JSON text under a kind and an id.
import type { Tables } from './tables.ts'
import { textOf, type Prepare } from './sqlite-columns.ts'

type DocumentTable = Pick<Tables, 'document' | 'putDocument' | 'documents' | 'deleteDocument'>

export function documentTable(prepare: Prepare): DocumentTable {
  const select = prepare('SELECT document FROM lava_documents WHERE kind = ? AND id = ?')
  const put = prepare(`INSERT INTO lava_documents (kind, id, document) VALUES (?, ?, ?)
    ON CONFLICT (kind, id) DO UPDATE SET document = excluded.document`)
  const first = prepare('SELECT id, document FROM lava_documents WHERE kind = ? ORDER BY id LIMIT ?')
  const after = prepare('SELECT id, document FROM lava_documents WHERE kind = ? AND id > ? ORDER BY id LIMIT ?')
  const remove = prepare('DELETE FROM lava_documents WHERE kind = ? AND id = ?')
  return {
    document(kind, id) {
      const columns = select.get(kind, id)
      return columns ? textOf(columns, 'document') : null
    },
    putDocument: (kind, id, document) => put.run(kind, id, document),
    documents: (kind, after_id, limit) =>
      (after_id === null ? first.all(kind, limit) : after.all(kind, after_id, limit)).map((columns) => ({
        id: textOf(columns, 'id'),
        document: textOf(columns, 'document'),
      })),
    deleteDocument: (kind, id) => remove.run(kind, id),
  }
}
