// The memory of forwarded queries: it gives what reading them anew gives, and keeps nothing that it should not.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createForwardQueries, parseForwardQuery } from '../../src/gateway/forward-query.ts'

const address = 'https://api.openai.com/v1/chat/completions'
const encoded = encodeURIComponent(address)

test('gives the same query for the same search, which nobody can change for the others', () => {
  const queryOf = createForwardQueries()
  for (const search of [`u=${encoded}`, `u=${address}?beta=1&other=2`, 'beta=1', '']) {
    const query = queryOf(search)
    expect(queryOf(search)).toBe(query)
    expect(query).toEqual(parseForwardQuery(search))
    expect(Reflect.set(query, 'target', 'https://elsewhere.example')).toBe(false)
  }
  // Each gateway has a memory of its own.
  expect(createForwardQueries()(`u=${encoded}`)).not.toBe(queryOf(`u=${encoded}`))
})

test.each([
  ['a credential beside `u`', `u=${encoded}&key=secret`, { key: 'secret', metadata: null }],
  ['a credential before `u`', `key=secret&u=${encoded}`, { key: 'secret', metadata: null }],
  ['a credential inside `u`', `u=${encodeURIComponent(`${address}?key=secret`)}`, { key: 'secret', metadata: null }],
  ['a credential inside a raw `u`', `u=${address}?key=secret`, { key: 'secret', metadata: null }],
  ['a credential without `u`', 'key=secret', { key: 'secret', metadata: null }],
  ['an empty credential', `u=${encoded}&key=`, { key: '', metadata: null }],
  ['metadata', `u=${encoded}&metadata=%7B%22team%22%3A7%7D`, { key: null, metadata: '{"team":7}' }],
  ['empty metadata', `u=${encoded}&metadata=`, { key: null, metadata: '' }],
])('keeps no query with %s', (_, search, expected) => {
  const queryOf = createForwardQueries()
  const query = queryOf(search)
  expect(query).toMatchObject(expected)
  for (let count = 0; count < 3; count++) {
    const again = queryOf(search)
    expect(again).not.toBe(query)
    expect(again).toEqual(query)
  }
})

test('keeps searches of up to 1,000 characters', () => {
  const queryOf = createForwardQueries()
  const longest = `u=${encoded}&pad=`.padEnd(1_000, 'x')
  expect(queryOf(longest)).toBe(queryOf(longest))
  const tooLong = `${longest}x`
  expect(queryOf(tooLong)).not.toBe(queryOf(tooLong))
  expect(queryOf(tooLong)).toEqual(parseForwardQuery(tooLong))
})

test('forgets old searches for new ones, and reads them as before', () => {
  const queryOf = createForwardQueries()
  const searchOf = (index: number) => `u=${encoded}&page=${index}`
  const first = queryOf(searchOf(0))
  for (let index = 1; index <= 1_000; index++) expect(queryOf(searchOf(index)).target).toBe(`${address}?page=${index}`)
  expect(queryOf(searchOf(1_000))).toBe(queryOf(searchOf(1_000)))
  expect(queryOf(searchOf(0))).not.toBe(first)
  expect(queryOf(searchOf(0))).toEqual(first)
})

test('gives what reading anew gives, whatever was asked before', () => {
  const pieces = ['u=', encoded, address, encodeURIComponent(`${address}?key=a+b`), '?', '&', '=', 'key=', 'metadata=', 'x', '%', '%2B', '+'] // prettier-ignore
  const search = fc.array(fc.constantFrom(...pieces), { maxLength: 6 }).map((parts) => parts.join(''))
  const queryOf = createForwardQueries()
  fc.assert(
    fc.property(search, (text) => {
      const expected = parseForwardQuery(text)
      expect(queryOf(text)).toEqual(expected)
      expect(queryOf(text)).toEqual(expected)
    }),
    { numRuns: 2_000 },
  )
})
