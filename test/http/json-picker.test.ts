import fc from 'fast-check'
import { expect, test } from 'vitest'
import { JsonPicker, type Ending } from '../../src/http/json-picker.ts'
import { keptBytesMax } from '../../src/http/kept-bytes.ts'
import { pickTree, type PickPaths } from '../../src/http/pick-paths.ts'
import { cutAt, cutEvery } from '../support/cut.ts'

interface Found {
  roots: { picked: Record<string, unknown>; ending: Ending }[]
  text: string
  whole: boolean
}

function pick(paths: PickPaths, chunks: readonly Buffer[]): Found {
  const roots: Found['roots'] = []
  const texts: Buffer[] = []
  const picker = new JsonPicker(pickTree(paths), {
    root: (picked, ending) => void roots.push({ picked: Object.fromEntries(picked), ending }),
    text: (bytes, start, end) => void texts.push(Buffer.from(bytes.subarray(start, end))),
  })
  for (const chunk of chunks) picker.feed(chunk, 0, chunk.length)
  const whole = picker.close('cut')
  return { roots, text: Buffer.concat(texts).toString('utf8'), whole }
}

const pickText = (paths: PickPaths, text: string) => pick(paths, [Buffer.from(text)])

test('picks values of every kind, and takes null for silence', () => {
  const text = '{"a":1.5e1,"b":"x\\"\\u00e9","c":{"d":[true,null]},"e":null,"f":false ,"g":[1]}'
  expect(pickText({ a: 'value', b: 'value', c: 'value', e: 'value', f: 'value', g: 'value' }, text).roots).toEqual([
    { picked: { a: 15, b: 'x"é', c: { d: [true, null] }, f: false, g: [1] }, ending: 'whole' },
  ])
})

test('takes only the exact path', () => {
  const text = JSON.stringify({
    content: 'says "usage": {"n": 1}',
    arguments: '{"usage":{"n":2}}',
    inner: { usage: { n: 3 } },
    list: [{ usage: { n: 4 } }, 'usage'],
    usage: { n: 5, usage: { n: 6 } },
  })
  expect(pickText({ usage: 'value' }, text).roots[0]?.picked).toEqual({ usage: { n: 5, usage: { n: 6 } } })
})

test('passes through arrays, keeping the last value or the list of all', () => {
  const text = JSON.stringify({ items: [{ kind: 'a', id: 1 }, { id: 2 }, { kind: 'b' }] })
  expect(pickText({ 'items.kind': 'list', 'items.id': 'value' }, text).roots[0]?.picked).toEqual({
    'items.kind': ['a', 'b'],
    'items.id': 2,
  })
})

test('hands over texts as they are written, and the inside of objects where a text is expected', () => {
  const text = '{"choices":[{"delta":{"content":"a\\n"}},{"delta":{"content":{"x": "y"}}}],"content":"no"}'
  expect(pickText({ 'choices.delta.content': 'text' }, text).text).toBe('a\\n"x": "y"}')
})

test('tells each element of an outermost array, and each line of many, as an object of its own', () => {
  const told = (text: string) => pickText({ a: 'value' }, text).roots.map(({ picked }) => picked.a)
  expect(told('[{"a":1}\n,\r\n{"a":2}]')).toEqual([1, 2])
  expect(told('{"a":1}\n{"a":2}\n{"b":0}')).toEqual([1, 2, undefined])
})

test('hands over what was closed before the text broke off', () => {
  expect(pickText({ a: 'value', b: 'value' }, '{"a":{"x":1},"b":{"x":1')).toEqual({
    roots: [{ picked: { a: { x: 1 } }, ending: 'cut' }],
    text: '',
    whole: false,
  })
})

test('drops a value that is longer than any usage, and finds those after it', () => {
  const text = JSON.stringify({ a: 'x'.repeat(keptBytesMax * 2), b: 1 })
  const chunks = cutEvery(Buffer.from(text), 1_000)
  expect(pick({ a: 'value', b: 'value' }, chunks).roots[0]?.picked).toEqual({ b: 1 })
})

test('passes hostile nesting without a stack', () => {
  for (const open of ['[', '{"a":', '{"choices":[', '[{"choices":']) {
    const text = open.repeat(200_000)
    expect(pickText({ a: 'value', 'choices.delta': 'value' }, text).whole).toBe(false)
  }
})

const paths: PickPaths = { a: 'value', 'b.c': 'value', 'd.e': 'list', f: 'text' }

test('finds the same however the bytes are cut', () => {
  const key = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'usage"', '\u00e9\n')
  const json = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom(0, -1.5, true, null, '', 'a\\', '"quoted" \u2028😀'),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(key, tie('value'), { maxKeys: 5 }),
    ),
  })).value
  fc.assert(
    fc.property(json, fc.constantFrom(0, 2), fc.array(fc.nat(), { maxLength: 8 }), (value, indent, cuts) => {
      const bytes = Buffer.from(JSON.stringify(value, null, indent))
      const whole = pick(paths, [bytes])
      expect(pick(paths, cutAt(bytes, cuts))).toEqual(whole)
      expect(pick(paths, cutEvery(bytes, 1))).toEqual(whole)
      expect(whole.whole).toBe(true)
    }),
    { numRuns: 500 },
  )
})

test('picks what JSON.parse finds', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom('a', 'b', 'x'), fc.jsonValue()), (value) => {
      const found = pickText({ a: 'value', 'b.c': 'value' }, JSON.stringify(value)).roots[0]?.picked
      const parsed: unknown = JSON.parse(JSON.stringify(value.a ?? null))
      expect(found?.a ?? null).toEqual(parsed)
    }),
  )
})

test('never throws, whatever comes', () => {
  const fragment = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    '"',
    '\\',
    ':',
    ',',
    '"a"',
    '"b":{"c":',
    'nul',
    '1e',
    '\u0000',
    'é',
  )
  fc.assert(
    fc.property(fc.array(fc.oneof(fragment, fc.string())), fc.array(fc.nat()), (parts, cuts) => {
      expect(() => pick(paths, cutAt(Buffer.from(parts.join('')), cuts))).not.toThrow()
    }),
    { numRuns: 1_000 },
  )
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(() => pick(paths, [Buffer.from(bytes)])).not.toThrow()
    }),
  )
})

test('finds the end of a long string, whatever quotes and backslashes are in it and wherever it is cut', () => {
  const piece = fc.constantFrom('\\', '"', '\\\\', '\\"', 'x'.repeat(70), 'é', '\n', 'word ')
  fc.assert(
    fc.property(fc.array(piece, { minLength: 2, maxLength: 30 }), fc.integer({ min: 1, max: 90 }), (pieces, size) => {
      const long = pieces.join('')
      const text = JSON.stringify({ skipped: long, taken: long, after: 1 })
      const { roots, whole } = pick({ taken: 'value', after: 'value' }, cutEvery(Buffer.from(text), size))
      expect({ whole, roots }).toEqual({ whole: true, roots: [{ picked: { taken: long, after: 1 }, ending: 'whole' }] })
    }),
    { numRuns: 1000 },
  )
})
