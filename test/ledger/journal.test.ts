import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openJournal } from '../../src/ledger/journal.ts'

let folder: string
let files = 0
const freshPath = () => join(folder, `${++files}.db`)

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lava-journal-'))
})
afterAll(() => rm(folder, { recursive: true }))

const ids = (journal: ReturnType<typeof openJournal>, limit = 10, skip = 0) =>
  journal.entries(limit, skip).map(({ request_id }) => request_id)

test('makes no file before there is something to keep', () => {
  const path = freshPath()
  const journal = openJournal(path)
  expect(journal.size()).toBe(0)
  journal.remove('never')
  expect(ids(journal)).toEqual([])
  expect(existsSync(path)).toBe(false)
  journal.close()
})

test('gives back what it kept, oldest first, to whoever opens it next', () => {
  const path = freshPath()
  const journal = openJournal(path)
  for (const request_id of ['b', 'a', 'c']) journal.add({ request_id, order: { of: request_id, ten: '0.0000000001' } })
  journal.add({ request_id: 'a', order: 'the first one counts' })
  journal.close()
  const next = openJournal(path)
  expect(next.size()).toBe(3)
  expect(next.entries(2)).toEqual([
    { request_id: 'b', order: { of: 'b', ten: '0.0000000001' } },
    { request_id: 'a', order: { of: 'a', ten: '0.0000000001' } },
  ])
  expect(ids(next, 10, 2)).toEqual(['c'])
  next.remove('b')
  expect(ids(next)).toEqual(['a', 'c'])
  next.close()
})

test('is shared by the processes of a machine', () => {
  const path = freshPath()
  const [one, other] = [openJournal(path), openJournal(path)]
  one.add({ request_id: 'one', order: 1 })
  other.add({ request_id: 'other', order: 2 })
  expect(ids(one)).toEqual(['one', 'other'])
  other.remove('one')
  expect(ids(one)).toEqual(['other'])
  one.close()
  other.close()
})

test('gives a broken row as null, and the others as they are', () => {
  const path = freshPath()
  const journal = openJournal(path)
  for (const request_id of ['broken', 'whole']) journal.add({ request_id, order: 1 })
  const file = new DatabaseSync(path)
  file.exec(`UPDATE journal SET entry = '{"half' WHERE request_id = 'broken'`)
  file.close()
  expect(journal.entries(10)).toEqual([
    { request_id: 'broken', order: null },
    { request_id: 'whole', order: 1 },
  ])
  journal.close()
})

test('does not make the event loop wait long for another process that writes', () => {
  const path = freshPath()
  const journal = openJournal(path)
  journal.add({ request_id: 'a', order: 1 })
  const other = new DatabaseSync(path)
  other.exec('BEGIN IMMEDIATE')
  expect(() => journal.add({ request_id: 'b', order: 1 })).toThrow(/locked/)
  other.exec('COMMIT')
  other.close()
  journal.add({ request_id: 'b', order: 1 })
  expect(ids(journal)).toEqual(['a', 'b'])
  journal.close()
})

test('tells when the disk refuses', () => {
  const journal = openJournal(join(folder, 'no such folder', 'journal.db'))
  expect(() => journal.add({ request_id: 'a', order: 1 })).toThrow()
})
