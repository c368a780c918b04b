import fc from 'fast-check'
import { expect, test } from 'vitest'
import { picksOf } from '../../src/http/picks.ts'

const { quiet } = picksOf({ usage: 'value', finish_reason: 'value', 'choices.delta.content': 'text' })
const isWhole = (chunk: string) => quiet.isWhole(Buffer.from(chunk))
const event = (value: unknown) => `data: ${JSON.stringify(value)}\n\n`
const word = { usage: null, choices: [{ delta: { content: ' fox' }, finish_reason: null }] }

test('passes over a chunk that is one event of text', () => {
  expect(isWhole(event(word))).toBe(true)
  expect(isWhole(`event: chunk\n${event(word)}`)).toBe(true)
})

test.each([
  ['a usage', event({ ...word, usage: { total_tokens: 3 } })],
  ['a usage with blanks', event(word).replace('"usage":null', '"usage" : {"total_tokens":3}')],
  ['an end', event({ choices: [{ delta: { content: 'x' }, finish_reason: 'stop' }] })],
  ['no text', event({ choices: [] })],
  ['what is no JSON object', 'data: [DONE]\n\n'],
  ['no end of the event', event(word).trimEnd()],
  ['a second event', event(word) + event(word)],
  ['a value that goes on in a second line', 'data: {"content":"x","usage":\ndata: {"total_tokens":3}}\n\n'],
  ['a second line by a carriage return', 'data: {"content":"x","usage"\rdata: :{"total_tokens":3}}\n\n'],
  ['a comment in front', `: ping\n${event(word)}`],
])('looks into a chunk with %s', (_what, chunk) => {
  expect(isWhole(chunk)).toBe(false)
})

test('never passes over a usage, however it is written and whatever stands around it', () => {
  const blank = fc.constantFrom('', ' ', '\t', '  ')
  fc.assert(
    fc.property(fc.string(), fc.string(), blank, blank, (before, after, one, two) => {
      const text = (content: string) => JSON.stringify({ content }).slice(1, -1)
      const body = `{${text(before)},"usage"${one}:${two}{"total_tokens":3},${text(after)}}`
      expect(isWhole(`data: ${body}\n\n`)).toBe(false)
    }),
  )
})
