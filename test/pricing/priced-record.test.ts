import { describe, expect, it } from 'vitest'
import { settingsFrom } from '../../src/gateway/options.ts'
import type { Measurement } from '../../src/gateway/measurement.ts'
import { createRecordPricer } from '../../src/gateway/priced-record.ts'
import { pendingRecord } from '../../src/ledger/new-record.ts'
import { requestRecordSchema } from '../../src/ledger/request-record.ts'
import { zeroMoney } from '../../src/money.ts'
import { recompute } from '../../src/pricing/cost-explanation.ts'
import { parseMeter } from '../../src/pricing/meter.ts'
import { priceTable } from '../../src/pricing/price-table.ts'
import { memoryStorage } from '../../src/storage/memory.ts'
import type { Usage } from '../../src/usage.ts'

const at_ms = Date.parse('2026-11-20T12:00:00Z')
const clock = () => at_ms
const logger = { info: () => undefined, warn: () => undefined, error: () => undefined }
const perMillion = parseMeter({
  meter_slug: 'tokens',
  name: 'Tokens',
  rate_type: 'fixed',
  tier_type: 'tokens_1m',
  tiers: [{ start: '0', rate: '1' }],
})

function recordOf(usage: Usage) {
  const settings = settingsFrom({ storage: memoryStorage(), logger, clock }, {})
  const begun = pendingRecord({
    request_id: 'r1', customer_id: 'u1', meter_id: 'tokens', provider: 'anthropic', provider_key_type: 'managed',
    model: 'claude-opus-4-6', endpoint: 'POST /', held: zeroMoney, metadata: {}, created_at: new Date(at_ms).toISOString(),
  }) // prettier-ignore
  const measurement: Measurement = {
    usage, usage_source: 'provider', models: ['claude-opus-4-6'], provider: { key: 'anthropic', priceProvider: 'anthropic' },
    cost: null, billable: true, response_id: null, job_id: null,
        submits: false, provider_status: 200, note: null, counts_as_request: true,
  } // prettier-ignore
  const pricer = createRecordPricer({ settings, prices: priceTable({ prices: {}, clock }) })
  return pricer.price(begun, measurement, { meter: perMillion, billed: true })(0n)
}

describe('a record', () => {
  it('counts the tokens of another model’s work inside the answer, as the cost and the charge do', () => {
    const { record, units } = recordOf({
      input_tokens: 1000,
      cache_read_tokens: 400,
      output_tokens: 100,
      sub_usage: [
        { model: 'claude-haiku-4-5', input_tokens: 2000, output_tokens: 30 },
        { model: 'claude-haiku-4-5', total_tokens: 7 },
      ],
    })
    expect(record.model_usage).toMatchObject({ input_tokens: 3007, output_tokens: 130, total_tokens: 3137 })
    expect(units).toBe(3_137_000_000n)
    expect(record.charge).toMatchObject({ amount: '0.0031370000', breakdown: [{ tokens: 3137 }] })
    // 600 × 5 + 400 × 0.5 + 100 × 25, and 2007 × 1 + 30 × 5, per million
    expect(record.cost).toBe('0.0078570000')
  })

  it('takes a lone total as input', () => {
    expect(recordOf({ total_tokens: 42 }).record.model_usage).toMatchObject({ input_tokens: 42, total_tokens: 42 })
    const both = recordOf({ output_tokens: 2, total_tokens: 42 }).record.model_usage
    expect(both).toMatchObject({ input_tokens: 0, output_tokens: 2, total_tokens: 2 })
  })

  it('explains its cost so that it can be computed again from what is stored', () => {
    const { record } = recordOf({ input_tokens: 1000, output_tokens: 100, service_tier: 'batch', inference_geo: 'us' })
    const stored = requestRecordSchema.parse(JSON.parse(JSON.stringify(record)))
    expect(stored.cost_explanation).toEqual(record.cost_explanation)
    expect(stored.cost_explanation && recompute(stored.cost_explanation)).toBe(41_250_000n)
    expect(stored.cost).toBe('0.0041250000')
  })

  it('notes a tier whose price nobody knows', () => {
    const { record } = recordOf({ input_tokens: 1000, output_tokens: 100, service_tier: 'priority' })
    expect(record.note).toBe('no price is known for service_tier=priority')
    expect(record.cost_explanation?.unpriced).toEqual(['service_tier=priority'])
  })
})
