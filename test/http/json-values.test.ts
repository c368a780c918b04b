import fc from 'fast-check'
import { expect, test } from 'vitest'
import { JsonPicker } from '../../src/http/json-picker.ts'
import { pickValues } from '../../src/http/json-values.ts'
import { pickTree, type PickPaths } from '../../src/http/pick-paths.ts'

interface Found {
  roots: Record<string, unknown>[]
  texts: string[]
}

function byBytes(paths: PickPaths, text: string): Found {
  const found: Found = { roots: [], texts: [] }
  const bytes = Buffer.from(text)
  const picker = new JsonPicker(pickTree(paths), {
    root: (picked) => void found.roots.push(Object.fromEntries(picked)),
    text: (chunk, start, end) => void found.texts.push(chunk.toString('utf8', start, end)),
  })
  picker.feed(bytes, 0, bytes.length)
  picker.close('cut')
  return found
}

function byValue(paths: PickPaths, text: string): Found | null {
  const found = pickValues(JSON.parse(text), pickTree(paths))
  return found && { roots: found.roots.map((root) => Object.fromEntries(root)), texts: found.texts }
}

const paths = {
  id: 'head', usage: 'value', error: 'value', 'choices.usage': 'value', 'choices.finish': 'list', 'choices.text': 'text',
  'choices.delta.content': 'text', 'choices.delta.content.text': 'text', images: 'count', value: 'text',
} as const satisfies PickPaths // prettier-ignore

const keys = fc.constantFrom(
  'id',
  'usage',
  'error',
  'choices',
  'finish',
  'text',
  'delta',
  'content',
  'images',
  'value',
  'other',
)
const { tree } = fc.letrec((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom<unknown>(null, true, 0, -1.5, 1e21, '', 'a "quoted" é', '\u{1f600}', 'x'.repeat(300)),
    fc.array(tie('tree'), { maxLength: 4 }),
    fc.dictionary(keys, tie('tree'), { maxKeys: 5 }),
  ),
})) // prettier-ignore

test('finds in a parsed body what the picker finds in its bytes, or leaves it to the picker', () => {
  let judged = 0
  fc.assert(
    fc.property(fc.oneof(fc.dictionary(keys, tree), fc.array(tree)), fc.boolean(), (value, spaced) => {
      const text = JSON.stringify(value, null, spaced ? 2 : 0)
      const found = byValue(paths, text)
      if (!found) return
      judged++
      const expected = byBytes(paths, text)
      expect(found.roots).toEqual(expected.roots)
      const escaped = found.texts.map((string) => JSON.stringify(string).slice(1, -1))
      expect(escaped.sort()).toEqual(expected.texts.sort())
    }),
    { numRuns: 3000 },
  )
  expect(judged).toBeGreaterThan(300)
})

test('leaves what only the bytes can tell to the picker', () => {
  expect(byValue(paths, '{"value":{"a":1}}')).toBeNull()
  expect(byValue(paths, `{"choices":[{"finish":"${'x'.repeat(300)}"}]}`)).toBeNull()
  expect(byValue(paths, '{"usage":{"n":1},"value":"text"}')).toEqual({ roots: [{ usage: { n: 1 } }], texts: ['text'] })
})
