import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EventStreamSplitter } from '../../src/http/event-stream.ts'
import { awsEvent, awsException, awsMessage, awsMessageOf } from '../support/aws-messages.ts'
import { cutAt, cutEvery } from '../support/cut.ts'

interface Split {
  messages: { type: string; kind: string; payload: string; ended: boolean }[]
  whole: boolean
}

function split(chunks: readonly Buffer[]): Split {
  const messages: Split['messages'] = []
  const splitter = new EventStreamSplitter({
    message: ({ eventType: type, messageType: kind }) => messages.push({ type, kind, payload: '', ended: false }),
    data: (bytes, start, end) => {
      const last = messages.at(-1)
      if (last) last.payload += bytes.toString('latin1', start, end)
    },
    messageEnd: () => {
      const last = messages.at(-1)
      if (last) last.ended = true
    },
  })
  for (const chunk of chunks) splitter.write(chunk)
  return { messages, whole: splitter.end() }
}

const two = Buffer.concat([awsEvent('messageStart', { role: 'assistant' }), awsEvent('metadata', { usage: {} })])

describe('an AWS event stream', () => {
  test('is told message by message', () => {
    expect(split([two])).toEqual({
      messages: [
        { type: 'messageStart', kind: 'event', payload: '{"role":"assistant"}', ended: true },
        { type: 'metadata', kind: 'event', payload: '{"usage":{}}', ended: true },
      ],
      whole: true,
    })
  })

  test('names its exceptions and errors', () => {
    const error = awsMessage({ ':message-type': 'error', ':error-code': 'InternalError' }, '')
    const { messages } = split([awsException('throttlingException', 'slow down'), error])
    expect(messages.map(({ type, kind }) => [kind, type])).toEqual([
      ['exception', 'throttlingException'],
      ['error', 'InternalError'],
    ])
  })

  test('is not whole before the last checksum has come', () => {
    const cut = split([two.subarray(0, -1)])
    expect(cut.whole).toBe(false)
    expect(cut.messages.map(({ ended }) => ended)).toEqual([true, false])
  })

  test('is told alike however it is cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.stringMatching(/^[a-zA-Z]{1,20}$/), fc.string())),
        fc.array(fc.nat(), { maxLength: 20 }),
        (events, cuts) => {
          const bytes = Buffer.concat(events.map(([type, payload]) => awsMessage({ ':event-type': type }, payload)))
          const told = split([bytes])
          expect(told.whole).toBe(true)
          expect(told.messages.map(({ type }) => type)).toEqual(events.map(([type]) => type))
          expect(split(cutAt(bytes, cuts))).toEqual(told)
          expect(split(cutEvery(bytes, 1))).toEqual(told)
        },
      ),
    )
  })

  test('passes over what follows a prelude that its checksum denies', () => {
    const broken = Buffer.from(two)
    broken.writeUInt8(broken.readUInt8(0) ^ 1, 0)
    expect(split([broken, two])).toEqual({ messages: [], whole: false })
  })

  test('never throws, whatever comes, its checksums right or wrong', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.uint8Array(), fc.constant(two)), { maxLength: 5 }), (parts) => {
        expect(() => split(parts.map((part) => Buffer.from(part)))).not.toThrow()
      }),
      { numRuns: 500 },
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (headers) => {
        expect(split([awsMessageOf(Buffer.from(headers), Buffer.from('{}'))]).whole).toBe(true)
      }),
      { numRuns: 500 },
    )
  })
})
