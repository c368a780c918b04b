import { expect, test } from 'vitest'
import { pendingRecord, recordInText, textOfRecord } from '../../src/ledger/new-record.ts'
import { parseMoney } from '../../src/money.ts'

const pending = pendingRecord({
  request_id: 'r1',
  customer_id: 'ada',
  meter_id: 'chat',
  provider: 'openai',
  provider_key_type: 'managed',
  model: 'gpt-4o',
  endpoint: 'POST https://api.openai.com/v1/chat/completions',
  held: parseMoney('0.5'),
  metadata: { run: '7' },
  created_at: '2026-11-25T12:00:00.000Z',
})

test('keeps of a record that has only begun what makes it different, and gives all of it back', () => {
  const text = textOfRecord(pending)
  expect(text.length).toBeLessThan(JSON.stringify(pending).length / 2)
  expect(recordInText(text)).toEqual(pending)
})

test.each([
  { note: 'said something' },
  { status: 'completed' as const },
  { cost: '0.1000000000' },
  { usage: { input_tokens: 1 } },
  { model_usage: { ...pending.model_usage, input_tokens: 1 } },
  { timestamp: '2026-11-25T12:00:01.000Z' },
])('keeps a record whole that has %o', (more) => {
  const record = { ...pending, ...more }
  expect(textOfRecord(record)).toBe(JSON.stringify(record))
  expect(recordInText(textOfRecord(record))).toEqual(record)
})
