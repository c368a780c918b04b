import { expect, test } from 'vitest'
import { noModelUsage, pendingRecord } from '../../src/ledger/new-record.ts'
import { recordInText, textOfRecord } from '../../src/ledger/record-text.ts'
import { requestRecordSchema, type ModelUsage, type RequestRecord } from '../../src/ledger/request-record.ts'
import { parseMoney } from '../../src/money.ts'
import { drawWith } from '../../src/testing/conformance/draw.ts'

const begun = {
  request_id: 'r1',
  customer_id: 'ada',
  meter_id: 'chat',
  provider: 'openai',
  provider_key_type: 'managed' as const,
  model: 'gpt-4o',
  endpoint: 'POST https://api.openai.com/v1/chat/completions',
  held: '0.5000000000',
  metadata: { run: '7' },
  created_at: '2026-11-25T12:00:00.000Z',
}
const pending = pendingRecord({ ...begun, held: parseMoney(begun.held) })

test('keeps of a record that has only begun what makes it different, and gives all of it back', () => {
  const text = textOfRecord(pending)
  expect(JSON.parse(text)).toEqual(begun)
  expect(recordInText(text)).toEqual(pending)
})

test('keeps of a finished record all but what is as in every record, and gives all of it back', () => {
  const finished = {
    status: 'completed' as const,
    provider_status: 200,
    usage: { input_tokens: 7, reasoning_tokens: 0 },
    usage_source: 'provider' as const,
    cost: '0.1000000000',
    timestamp: '2026-11-25T12:00:01.000Z',
  }
  const model_usage = { ...noModelUsage, input_tokens: 7, total_tokens: 7, total_cost: '0.1000000000' }
  const record: RequestRecord = { ...pending, ...finished, model_usage }
  expect(JSON.parse(textOfRecord(record))).toEqual({
    ...begun,
    ...finished,
    model_usage: { input_tokens: 7, total_tokens: 7, total_cost: '0.1000000000' },
  })
  expect(recordInText(textOfRecord(record))).toEqual(record)
})

test('gives any record back, and any that an earlier version wrote whole', () => {
  const draw = drawWith(11)
  const pick = <Item>(first: Item, ...others: Item[]): Item => others[draw(others.length + 1)] ?? first
  const amount = () => pick('0.0000000000', '0.0000000001', '12.0000000000')
  for (let index = 0; index < 500; index++) {
    const count = () => pick(0, 1, 0.5, 2 ** 40)
    const model_usage: ModelUsage = {
      input_tokens: count(),
      output_tokens: count(),
      total_tokens: count(),
      input_characters: count(),
      output_characters: count(),
      total_characters: count(),
      input_seconds: count(),
      output_seconds: count(),
      total_seconds: count(),
      input_cost: amount(),
      output_cost: amount(),
      total_cost: amount(),
    }
    const record: RequestRecord = {
      request_id: pick('r1', ''),
      status: pick('pending', 'completed', 'error'),
      customer_id: pick('ada', null),
      meter_id: pick('chat', null),
      provider: 'openai',
      provider_key_type: pick('managed', 'unmanaged'),
      model: pick('gpt-4o', null),
      endpoint: '',
      response_id: pick('chatcmpl-1', null, ''),
      provider_status: pick(200, null, 0),
      model_usage: pick(model_usage, noModelUsage, { ...noModelUsage }),
      usage: pick<RequestRecord['usage']>({ input_tokens: 0 }, {}, pending.usage, { sub_usage: [] }),
      usage_source: pick('none', 'provider', 'estimated'),
      cost: amount(),
      cost_explanation: pick<RequestRecord['cost_explanation']>(null, { source: 'host', model: null, lines: [] }),
      charge: pick<RequestRecord['charge']>(null, { amount: amount(), rate_type: 'fixed', breakdown: [] }),
      held: amount(),
      balance_after: pick(null, amount()),
      note: pick(null, '', 'said something'),
      metadata: pick<RequestRecord['metadata']>({}, { run: '7' }),
      timestamp: pick(null, '2026-11-25T12:00:01.000Z'),
      created_at: '2026-11-25T12:00:00.000Z',
    }
    for (const text of [textOfRecord(record), JSON.stringify(record)]) {
      expect(recordInText(text)).toEqual(record)
      expect(requestRecordSchema.parse(recordInText(text))).toEqual(record)
    }
  }
})
