import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { picksOf } from '../../src/http/picks.ts'
import { QuietPassage } from '../../src/http/quiet-event.ts'

const { quiet } = picksOf({ usage: 'value', finish_reason: 'value', 'choices.delta.content': 'text', refusal: 'text' })

/** What is left of each chunk, and the texts of what was passed over. */
function passed(...chunks: string[]): { left: string[]; texts: string[] } {
  const texts: string[] = []
  const passage = new QuietPassage(quiet, (bytes, start, end) => void texts.push(bytes.toString('utf8', start, end)))
  const left = chunks.map((chunk) => {
    const bytes = Buffer.from(chunk)
    const rest = bytes.toString('utf8', passage.pass(bytes, 0))
    passage.close()
    return rest
  })
  return { left, texts }
}

const isQuiet = (chunk: string) => passed(chunk).left[0] === ''
const event = (value: unknown) => `data: ${JSON.stringify(value)}\n\n`
const saying = (content: string) => ({ usage: null, choices: [{ delta: { content }, finish_reason: null }] })
const word = saying(' fox')

test('passes over events of text, and hands over the texts', () => {
  expect(passed(event(word))).toEqual({ left: [''], texts: [' fox'] })
  expect(passed(`event: chunk\n${event(word)}`)).toEqual({ left: [''], texts: [' fox'] })
  const both = event({ refusal: 'no', ...saying('a "b" \\') })
  expect(passed(both + event(word), both).texts).toEqual(['no', 'a \\"b\\" \\\\', ' fox', 'no', 'a \\"b\\" \\\\'])
  expect(isQuiet(`${event(word)}${event(word)}`.replaceAll('\n', '\r\n'))).toBe(true)
  expect(isQuiet(event(word).replace('data: ', 'data:'))).toBe(true)
})

test('stops at the first event that is more than text', () => {
  const last = event({ ...word, usage: { total_tokens: 3 } })
  expect(passed(event(word) + event(saying('b')) + last + event(word)).left).toEqual([last + event(word)])
  expect(passed(event(word), event(word) + last, event(word)).left).toEqual(['', last, ''])
})

describe.each([
  ['first', ''],
  ['after one of text', event(word)],
])('an event that comes %s', (_when, before) => {
  test.each([
    ['a usage', event({ ...word, usage: { total_tokens: 3 } })],
    ['a usage with blanks', event(word).replace('"usage":null', '"usage" : {"total_tokens":3}')],
    ['a usage behind its text', event(word).replace('}]}', '}],"more":{"usage":3}}')],
    ['an end', event({ choices: [{ delta: { content: 'x' }, finish_reason: 'stop' }] })],
    ['a text that is no string', event(saying('')).replace('""', '[{"text":"x"}]')],
    ['no text', event({ choices: [] })],
    ['a text that is not closed', 'data: {"content":"x}\n\n'],
    ['a line end in its text', event(word).replace('fox', 'f\n\nox')],
    ['what is no JSON object', 'data: [DONE]\n\n'],
    ['no end of the event', event(word).trimEnd()],
    ['one line end', event(word).trimEnd() + '\n'],
    ['a value that goes on in a second line', 'data: {"content":"x","usage":\ndata: {"total_tokens":3}}\n\n'],
    ['a second line by a carriage return', 'data: {"content":"x","usage"\rdata: :{"total_tokens":3}}\n\n'],
    ['a comment in front', `: ping\n${event(word)}`],
    ['another event’s name that never ends', 'event: data: {"content":"x"}'],
  ])('is looked into when it has %s', (_what, chunk) => {
    expect(passed(before, chunk).left[1]).toBe(chunk)
  })
})

test('is told how events differ behind their texts', () => {
  const padded = (padding: string) => event({ ...word, padding })
  const chunks = ['a1', 'a2b', 'a', ''].map(padded)
  expect(passed(...chunks, chunks.join(''))).toEqual({ left: ['', '', '', '', ''], texts: Array(8).fill(' fox') })
  const [telling, refusing] = [
    event({ ...word, padding: '', usage: 3 }),
    event({ ...word, padding: '', refusal: 'no' }),
  ]
  expect(passed(...chunks, telling).left.at(-1)).toBe(telling)
  expect(passed(...chunks, refusing).texts.slice(-2)).toEqual([' fox', 'no'])
})

test('passes over only what it has seen before where it is asked to', () => {
  const texts: string[] = []
  const passage = new QuietPassage(quiet, (bytes, start, end) => void texts.push(bytes.toString('utf8', start, end)))
  const bytes = Buffer.from(event(word) + event(saying('b')) + event({ ...word, id: 1 }))
  expect(passage.pass(bytes, 0, true)).toBe(0)
  const second = event(word).length
  expect(passage.pass(bytes, second, true)).toBe(second + event(saying('b')).length)
  expect(texts).toEqual(['b'])
})

test('never passes over a usage, however it is written and whatever stands around it', () => {
  const blank = fc.constantFrom('', ' ', '\t', '  ')
  const text = (content: string) => JSON.stringify({ content }).slice(1, -1)
  fc.assert(
    fc.property(fc.string(), fc.string(), blank, blank, (before, after, one, two) => {
      const body = (usage: string) => `data: {${text(before)},"usage"${one}:${two}${usage},${text(after)}}\n\n`
      const telling = body('{"total_tokens":3}')
      expect(passed(telling, body('null'), telling).left).toEqual([telling, '', telling])
    }),
  )
})

test('hands over the same texts whether events are alike or not, and however they share chunks', () => {
  const value = fc.record({ text: fc.string(), padding: fc.string({ maxLength: 3 }), ends: fc.boolean() })
  const wire = fc.array(value).map((events) =>
    events.map(({ text, padding, ends }) => {
      const choice = { delta: { content: text }, finish_reason: ends && padding === '' ? 'stop' : null }
      return { text, quiet: choice.finish_reason === null, event: event({ choices: [choice], padding }) }
    }),
  )
  fc.assert(
    fc.property(wire, (events) => {
      const apart = passed(...events.map((each) => each.event))
      expect(apart.left).toEqual(events.map((each) => (each.quiet ? '' : each.event)))
      const texts = events.filter((each) => each.quiet).map((each) => JSON.stringify(each.text).slice(1, -1))
      expect(apart.texts).toEqual(texts)
      const quietOnes = events.filter((each) => each.quiet).map((each) => each.event)
      expect(passed(quietOnes.join(''))).toEqual({ left: [''], texts })
    }),
  )
})
