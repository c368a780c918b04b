// Events taken out of a stream: those that were chosen and nothing else, however the bytes are cut.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EventFilter, type EventChoice } from '../../src/http/event-filter.ts'
import { cutAt, cutEvery } from '../support/cut.ts'

const choice: EventChoice = { look: /drop/, takesOut: (data) => data === 'drop' || data === 'drop\nme' }

function filtered(chunks: readonly Buffer[]): string {
  const filter = new EventFilter(choice)
  return Buffer.concat([...chunks.map((chunk) => filter.write(chunk)), filter.end()]).toString()
}

const filter = (text: string) => filtered([Buffer.from(text)])

for (const [name, end] of Object.entries({ LF: '\n', CRLF: '\r\n', CR: '\r' }))
  describe(`in a stream whose lines end in ${name}`, () => {
    const lines = (...texts: string[]) => texts.map((text) => text + end).join('')

    test('an event goes with all its lines and its blank line', () => {
      const before = lines('data: a', '', 'event: x', 'id: 1', ': note', 'data: drop', '', 'data: b', '')
      const after = lines('data: a', '', 'data: b', '')
      for (const size of [1, 2, 3, 1000]) expect(filtered(cutEvery(Buffer.from(before), size))).toBe(after)
    })

    test('an event of several data lines is judged by all of them', () => {
      expect(filter(lines('data: drop', 'data:me', '', 'data: drop', 'data: not', ''))).toBe(
        lines('data: drop', 'data: not', ''),
      )
    })

    test('comments and blank lines between events stay', () => {
      expect(filter(lines(': ping', '', '', ': ping', 'data: drop', '', ': ping', ''))).toBe(
        lines(': ping', '', '', ': ping', ': ping', ''),
      )
    })
  })

test('an event that only looks chosen stays', () => {
  const text = 'data: drop it\n\ndrop: data\n\ndatas: drop\n\ndata:  drop\n\n: drop\n\n'
  expect(filter(text)).toBe(text)
})

test('a last event without its blank line is judged, and stays when it is cut', () => {
  expect(filter('data: a\n\ndata: drop')).toBe('data: a\n\n')
  expect(filter('data: a\n\ndata: drop\n')).toBe('data: a\n\n')
  expect(filter('data: a\n\ndata: dro')).toBe('data: a\n\ndata: dro')
  expect(filter('data: a\n\nda')).toBe('data: a\n\nda')
})

test('a chunk that ends between events passes as it is, without a copy', () => {
  const filter = new EventFilter(choice)
  for (const text of ['data: a\n\n', ': ping\n\n', 'data: a\r\n\r\n', '\ndata: a\n\n']) {
    const chunk = Buffer.from(text)
    expect(filter.write(chunk)).toBe(chunk)
  }
})

test('comments pass at once, and an unfinished event waits for its blank line', () => {
  const filter = new EventFilter(choice)
  const write = (text: string) => filter.write(Buffer.from(text)).toString()
  expect(write(': keep-')).toBe(': keep-')
  expect(write('alive\n')).toBe('alive\n')
  expect(write('data: a\n\ndata: b')).toBe('data: a\n\n')
  expect(write('b\n')).toBe('')
  expect(write('\n')).toBe('data: bb\n\n')
})

test('of an unfinished event at most 64 KiB wait, and a longer one is never taken out', () => {
  const filter = new EventFilter({ look: /drop/, takesOut: () => true })
  const write = (text: string) => filter.write(Buffer.from(text)).length
  expect(write('data: drop')).toBe(0)
  expect(write('x'.repeat(65_526))).toBe(0)
  expect(write('x')).toBe(65_537)
  expect(write('x'.repeat(1000))).toBe(1000)
  expect(write('\n\n')).toBe(2)
  expect(write('data: drop\n\n')).toBe(0)
  const long = `data: drop${'x'.repeat(65_536)}\n\n`
  expect(write(long)).toBe(long.length)
})

const anyLine = fc.constantFrom(
  'data: drop', 'data:drop', 'data: drop it', 'data: é😀', 'data', 'data: me', ': drop', 'event: e', 'id', '', '', 'da', '\ufeffdata: drop',
) // prettier-ignore
const anyEnd = fc.constantFrom('\n', '\r\n', '\r')
const anyText = fc
  .tuple(fc.array(fc.tuple(anyLine, anyEnd), { maxLength: 30 }), fc.constantFrom('', 'data: drop', 'data: a', 'id: 1'))
  .map(([lines, last]) => lines.map(([text, end]) => text + end).join('') + last)

test('the same bytes come out however they are cut, even inside a character', () => {
  fc.assert(
    fc.property(anyText, fc.array(fc.nat()), (text, cuts) => {
      const bytes = Buffer.from(text)
      expect(filtered(cutAt(bytes, cuts))).toBe(filtered([bytes]))
    }),
    { numRuns: 2000 },
  )
})

test('what comes out is the stream without the chosen events', () => {
  const event = fc.constantFrom('data: a', 'event: e\ndata: é😀', ': ping', 'data: drop it', 'data: drop')
  fc.assert(
    fc.property(fc.array(event), anyEnd, fc.array(fc.nat()), (events, end, cuts) => {
      const wire = (kept: readonly string[]) => kept.map((text) => `${text}\n\n`.replaceAll('\n', end)).join('')
      const expected = wire(events.filter((text) => text !== 'data: drop'))
      expect(filtered(cutAt(Buffer.from(wire(events)), cuts))).toBe(expected)
    }),
    { numRuns: 1000 },
  )
})
