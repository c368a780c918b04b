// The memory of targets: it gives what checking them anew gives, for each method and each named provider.
import { expect, test } from 'vitest'
import { configureProviders } from '../../src/gateway/configured-provider.ts'
import { createTargets, findTarget } from '../../src/gateway/target.ts'

const baseUrl = 'https://api.openai.com/v1'
const address = `${baseUrl}/files?limit=2`
const shown = `${baseUrl}/files`
/** Three on one host, of which only the name tells which is meant. */
const providers = configureProviders({ second: { baseUrl, like: 'openai' }, third: { baseUrl } }, {})

test('gives the same target for the same address, method and named provider', () => {
  const targetOf = createTargets(providers)
  for (const method of ['GET', 'POST'])
    for (const named of [null, 'openai', 'second']) {
      const target = targetOf(method, address, named)
      expect(targetOf(method, address, named)).toBe(target)
      expect(target).toMatchObject({ ...findTarget(address, providers, named), endpoint: `${method} ${shown}` })
      expect(target).toMatchObject({ origin: 'https://api.openai.com', path: '/v1/files?limit=2' })
    }
})

test('gives another target for another method', () => {
  const targetOf = createTargets(providers)
  const [read, written] = [targetOf('GET', address, null), targetOf('POST', address, null)]
  expect([read.endpoint, written.endpoint]).toEqual([`GET ${shown}`, `POST ${shown}`])
  expect(targetOf('GET', address, null)).toBe(read)
  expect(targetOf('POST', address, null)).toBe(written)
})

test('gives another target for another named provider', () => {
  const targetOf = createTargets(providers)
  const names = [null, 'openai', 'second', 'third']
  const keys = () => names.map((named) => targetOf('GET', address, named).provider.key)
  expect(keys()).toEqual(['openai', 'openai', 'second', 'third'])
  expect(keys()).toEqual(['openai', 'openai', 'second', 'third'])
})

test('refuses an address for a provider that is not there, although it knows it for another', () => {
  const targetOf = createTargets(providers)
  targetOf('GET', address, null)
  targetOf('GET', address, 'second')
  for (let count = 0; count < 2; count++)
    for (const named of ['anthropic', 'nobody'])
      expect(() => targetOf('GET', address, named)).toThrow('is not a provider here')
  expect(targetOf('GET', address, 'second').provider.key).toBe('second')
})

test('does not mix the variants of one address, however many there are', () => {
  const targetOf = createTargets(providers)
  const variants = Array.from({ length: 10 }, (_, index) => `METHOD${index}`).flatMap((method) =>
    ['openai', 'second', 'third'].map((named) => ({ method, named })),
  )
  const found = () => variants.map(({ method, named }) => targetOf(method, address, named))
  const expected = variants.map(({ method, named }) => ({ endpoint: `${method} ${shown}`, provider: { key: named } }))
  expect(found()).toMatchObject(expected)
  expect(found()).toMatchObject(expected)
  expect(found().reverse()).toMatchObject(expected.reverse())
})

test('keeps the last eight variants of one address', () => {
  const targetOf = createTargets(providers)
  const methods = Array.from({ length: 9 }, (_, index) => `METHOD${index}`)
  const [first, ...lastEight] = methods.map((method) => targetOf(method, address, null))
  expect(methods.slice(1).map((method) => targetOf(method, address, null))).toEqual(lastEight)
  for (const [index, target] of lastEight.entries()) expect(targetOf(`METHOD${index + 1}`, address, null)).toBe(target)
  expect(targetOf('METHOD0', address, null)).not.toBe(first)
  expect(targetOf('METHOD0', address, null)).toEqual(first)
})

test('keeps addresses of up to 1,000 characters', () => {
  const targetOf = createTargets(providers)
  const longest = `${address}&pad=`.padEnd(1_000, 'x')
  expect(targetOf('GET', longest, null)).toBe(targetOf('GET', longest, null))
  const tooLong = `${longest}x`
  expect(targetOf('GET', tooLong, null)).not.toBe(targetOf('GET', tooLong, null))
  expect(targetOf('GET', tooLong, null)).toEqual(targetOf('GET', tooLong, null))
})
