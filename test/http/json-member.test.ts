// Members set in JSON bytes: valid JSON out of any JSON object in, and not a byte changed around it.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { setMember } from '../../src/http/json-member.ts'

const path = ['stream_options', 'include_usage']
const set = (text: string) => setMember(Buffer.from(text), path, 'true').toString()

describe('a member that is not there', () => {
  test.each([
    ['{"a":1}', '{"stream_options":{"include_usage":true},"a":1}'],
    ['{}', '{"stream_options":{"include_usage":true}}'],
    [' {\n}\n', ' {"stream_options":{"include_usage":true}\n}\n'],
    ['\t{ "n": 1.0e2 }', '\t{"stream_options":{"include_usage":true}, "n": 1.0e2 }'],
    ['{"stream_options":{}}', '{"stream_options":{"include_usage":true}}'],
    ['{"stream_options":{ "x": 1 }}', '{"stream_options":{"include_usage":true, "x": 1 }}'],
    [
      '{"tool":{"stream_options":{"include_usage":false}},"a":"stream_options"}',
      '{"stream_options":{"include_usage":true},"tool":{"stream_options":{"include_usage":false}},"a":"stream_options"}',
    ],
  ])('is inserted: %s', (before, after) => {
    expect(set(before)).toBe(after)
  })
})

describe('a member that is there', () => {
  test.each([
    ['{"stream_options":null,"a":1}', '{"stream_options":{"include_usage":true},"a":1}'],
    [
      '{"a":"}\\\\","stream_options" : {"include_usage" : false} }',
      '{"a":"}\\\\","stream_options" : {"include_usage" : true} }',
    ],
    ['{"stream\\u005foptions":{"include_usage":false}}', '{"stream\\u005foptions":{"include_usage":true}}'],
    [
      '{"stream_options":{"include_usage":1},"stream_options":{"include_usage":false}}',
      '{"stream_options":{"include_usage":1},"stream_options":{"include_usage":true}}',
    ],
    ['{"stream_options":[{"include_usage":false}]}', '{"stream_options":{"include_usage":true}}'],
  ])('is replaced, the last one where it stands twice: %s', (before, after) => {
    expect(set(before)).toBe(after)
  })
})

test('big numbers, escapes, spaces and characters of any length stay as they were written', () => {
  const rest = '"id": 12345678901234567890.10 ,\r\n\t"text":"\\u00e9 é 😀 \\\\\\" }",\n"deep":[[{"x":[ ]}]], "id":1 }\n'
  expect(set(`{${rest}`)).toBe(`{"stream_options":{"include_usage":true},${rest}`)
})

const key = fc.oneof(fc.constantFrom('stream_options', 'include_usage', 'a"\\', ''), fc.string({ unit: 'binary' }))
const { value: anyValue } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom<unknown>(null, true, false, 0, -1.5e-9, '', '{"', '\\'),
    fc.string({ unit: 'binary' }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(key, tie('value'), { maxKeys: 4 }),
  ),
}))
const anyObject = fc.dictionary(key, anyValue, { maxKeys: 6 })
const anyIndent = fc.constantFrom(0, 1, '\t', ' ')

test('the result parses to the same object with the member set', () => {
  fc.assert(
    fc.property(anyObject, anyIndent, (object, indent) => {
      const before = JSON.stringify(object, null, indent)
      const parsed = JSON.parse(before) as Record<string, unknown>
      const options = parsed.stream_options
      const inner = typeof options === 'object' && options !== null && !Array.isArray(options) ? options : {}
      const expected = { ...parsed, stream_options: { ...inner, include_usage: true } }
      expect(JSON.parse(set(before))).toEqual(expected)
    }),
    { numRuns: 500 },
  )
})

test('not a byte changes around what is inserted or replaced', () => {
  const membersOf = (object: object, indent: string | number) => JSON.stringify(object, null, indent).slice(1, -1)
  const others = anyObject.map((object) => ({ ...object, stream_options: undefined }))
  fc.assert(
    fc.property(others, others, anyValue, anyIndent, (first, second, value, indent) => {
      const [front, back] = [membersOf({ ...first, a: 1 }, indent), membersOf({ a: 2, ...second }, indent)]
      expect(set(`{${front}}`)).toBe(`{"stream_options":{"include_usage":true},${front}}`)
      const inner = isObject(value) ? '' : JSON.stringify(value)
      const old = inner === '' ? '{ "x": 1 }' : inner
      const now = inner === '' ? '{"include_usage":true, "x": 1 }' : '{"include_usage":true}'
      expect(set(`{${front},"stream_options" :${old},${back}}`)).toBe(`{${front},"stream_options" :${now},${back}}`)
    }),
    { numRuns: 500 },
  )
})

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
