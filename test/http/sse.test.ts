import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SseSplitter } from '../../src/http/sse.ts'
import { cutAt } from '../support/cut.ts'

/** The data of each event; those that the stream ended before their blank line are marked. */
function eventsOf(chunks: readonly Buffer[]): string[] {
  const events: string[] = []
  let data: Buffer[] = []
  const splitter = new SseSplitter({
    data: (bytes, start, end) => void data.push(Buffer.from(bytes.subarray(start, end))),
    eventEnd: (terminated) => {
      events.push(`${terminated ? '' : 'unterminated '}${Buffer.concat(data).toString('utf8')}`)
      data = []
    },
  })
  for (const chunk of chunks) splitter.write(chunk)
  splitter.end()
  return events
}

const read = (text: string) => eventsOf([Buffer.from(text)])

for (const [name, end] of Object.entries({ LF: '\n', CRLF: '\r\n', CR: '\r' }))
  test(`finds events whose lines end in ${name}`, () => {
    expect(read(`data: one${end}${end}event: x${end}data: two${end}${end}`)).toEqual(['one', 'two'])
  })

test('passes over comments, other fields and unknown fields', () => {
  expect(read(': keep-alive\n\nid: 1\nretry: 5\nevent: a\ndatabase: no\ndat: no\ndata:yes\n\n')).toEqual(['yes'])
})

test('joins the lines of one event, and keeps all but the first space', () => {
  expect(read('data:  a\ndata\ndata: b\n\n')).toEqual([' a\n\nb'])
})

test('tells of a last event without its blank line, which EventSource would drop', () => {
  expect(read('data: one\n\ndata: two')).toEqual(['one', 'unterminated two'])
  expect(read('data: one\n\ndata: two\n')).toEqual(['one', 'unterminated two'])
})

test('asks only between events from where on it is to read', () => {
  const [begun, data]: [number[], string[]] = [[], []]
  const splitter = new SseSplitter({
    begin(bytes, at) {
      begun.push(at)
      return bytes.indexOf('data: skip', at) === at ? at + 'data: skip\n\n'.length : at
    },
    data: (bytes, start, end) => void data.push(bytes.toString('utf8', start, end)),
    eventEnd: () => undefined,
  })
  for (const chunk of ['data: a\n\ndata: skip\n\nda', 'ta: b\ndata: skip\n\n', 'data: c\r\n\r', '\ndata: skip\n\n'])
    splitter.write(Buffer.from(chunk))
  expect(data.filter((text) => text !== '\n')).toEqual(['a', 'b', 'skip', 'c'])
  expect(begun).toEqual([0, 9, 0, 1])
})

test('passes events of any size', () => {
  const long = 'x'.repeat(3_000_000)
  expect(read(`data: ${long}\n\n`)).toEqual([long])
})

test('finds the same events however the bytes are cut', () => {
  const line = fc.constantFrom(
    'data: {"a":"é😀"}',
    'data:x',
    'data',
    ': ping',
    'event: e',
    'id',
    '',
    'da',
    'data: \u2028',
  )
  const stream = fc.array(fc.tuple(line, fc.constantFrom('\n', '\r\n', '\r')), { maxLength: 30 })
  fc.assert(
    fc.property(stream, fc.array(fc.nat()), (lines, cuts) => {
      const bytes = Buffer.from(lines.map(([text, end]) => text + end).join(''))
      expect(eventsOf(cutAt(bytes, cuts))).toEqual(eventsOf([bytes]))
    }),
  )
})

test('agrees with the rules of the standard, read line by line', () => {
  const line = fc.constantFrom('data: one', 'data:two', 'data', ': ping', 'event: e', '')
  fc.assert(
    fc.property(fc.array(line, { maxLength: 20 }), fc.constantFrom('\n', '\r\n', '\r'), (lines, end) => {
      const text = lines.map((each) => each + end).join('')
      const finished = read(text).filter((event) => !event.startsWith('unterminated '))
      expect(finished).toEqual(byTheStandard(lines))
    }),
  )
})

function byTheStandard(lines: readonly string[]): string[] {
  const events: string[] = []
  let data: string[] = []
  for (const line of lines) {
    if (line === '' && data.length > 0) events.push(data.join('\n'))
    if (line === '') data = []
    else if (line === 'data' || line.startsWith('data:')) data.push(line.slice(5).replace(/^ /, ''))
  }
  return events
}
