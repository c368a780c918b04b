// The priced record: cost by the price table, charge by the meter, and the record that explains both.
import { isoTimes } from '../clock.ts'
import { GatewayError } from '../errors.ts'
import type { PricedRecord } from '../ledger/ledger.ts'
import { newModelUsage } from '../ledger/new-record.ts'
import { joinedNotes, type RequestRecord } from '../ledger/request-record.ts'
import { formatMoney, zeroMoney } from '../money.ts'
import { chargeFor } from '../pricing/charge.ts'
import { costOf, type Costing } from '../pricing/cost.ts'
import type { Meter } from '../pricing/meter.ts'
import type { ModelPrice } from '../pricing/model-price.ts'
import type { PriceTable } from '../pricing/price-table.ts'
import { billedInputSeconds, type SubUsage, type Usage } from '../usage.ts'
import type { Measurement } from './measurement.ts'
import type { Settings } from './options.ts'

export interface RecordPricer {
  /** Pure in the total: the ledger calls it again when another request moved that. */
  price(
    begun: RequestRecord,
    measurement: Measurement,
    by: { meter: Meter | null; billed: boolean },
  ): (totalBefore: bigint) => PricedRecord
  /**
   * @throws GatewayError `price_unknown` when the meter is a percentage of a cost that nothing tells (design 5.10).
   */
  requirePrice(meter: Meter, measurement: Measurement): void
}

interface PricerParts {
  settings: Settings<never>
  prices: PriceTable
}

export function createRecordPricer({ settings, prices }: PricerParts): RecordPricer {
  const isoTime = isoTimes()

  function priceOf(provider: Measurement['provider'], models: readonly string[]): ModelPrice | null {
    const at_ms = settings.clock()
    for (const model of models) {
      const question = { provider: provider?.key ?? '', priceProvider: provider?.priceProvider ?? null, model, at_ms }
      const price = prices.find(question)
      if (price) return price
    }
    return null
  }

  function costingOf({ provider, models, usage, cost }: Measurement): Costing | null {
    const price = priceOf(provider, models)
    if (!usage.sub_usage) return costOf(usage, { price, reported: cost })
    return costOf(usage, { price, reported: cost, priceOfModel: (model) => priceOf(provider, [model]) })
  }

  return {
    requirePrice(meter, measurement) {
      if (meter.rate_type !== 'percentage' || settings.onUnknownPrice === 'allow' || costingOf(measurement)) return
      throw new GatewayError(
        'price_unknown',
        'The meter is a percentage of the cost, and nothing tells the cost: report `cost`, or a `provider` and `model` with a known price.',
      )
    },
    price(begun, measurement, { meter, billed }) {
      const costing = costingOf(measurement)
      const cost = costing?.cost ?? zeroMoney
      const unpriced = measurement.billable && !costing && meter?.rate_type === 'percentage'
      if (unpriced && billed)
        settings.logger.error(
          `lava-gateway: no price is known for ${measurement.models[0] ?? 'an unnamed model'}; ${begun.request_id} was charged nothing`,
        )
      const timestamp = isoTime(settings.clock())
      return (totalBefore) => {
        const priced =
          meter && countsFor(meter, measurement)
            ? chargeFor(meter, { usage: measurement.usage, cost, total_before: totalBefore })
            : null
        const charged = billed && priced ? priced : null
        const record = finishedRecord(begun, measurement, {
          costing,
          charge: charged?.charge ?? null,
          unpriced,
          timestamp,
        })
        return { record, charge: charged?.amount ?? zeroMoney, units: charged?.units ?? 0n }
      }
    },
  }
}

interface Finish {
  costing: Costing | null
  charge: RequestRecord['charge']
  /** Nothing tells what the answer cost. */
  unpriced: boolean
  timestamp: string
}

/** Field by field, as the pending record is made. */
function finishedRecord(begun: RequestRecord, measurement: Measurement, finish: Finish): RequestRecord {
  const { costing, charge, unpriced, timestamp } = finish
  const cost = formatMoney(costing?.cost ?? zeroMoney)
  return {
    request_id: begun.request_id,
    // Metering failed when nothing tells what the answer cost (lava-api 1.9).
    status: unpriced ? 'error' : 'completed',
    customer_id: begun.customer_id,
    meter_id: begun.meter_id,
    provider: begun.provider,
    provider_key_type: begun.provider_key_type,
    model: measurement.models[0] ?? begun.model,
    endpoint: begun.endpoint,
    response_id: measurement.response_id,
    provider_status: measurement.provider_status,
    model_usage: modelUsageOf(measurement.usage, costing, cost),
    usage: { ...measurement.usage },
    usage_source: measurement.usage_source,
    cost,
    cost_explanation: costing?.explanation ?? null,
    charge,
    held: begun.held,
    balance_after: begun.balance_after,
    note: unpriced ? 'no price is known for this model' : noteOf(measurement, costing),
    metadata: begun.metadata,
    timestamp,
    created_at: begun.created_at,
  }
}

/** Work of another model inside the answer (`sub_usage`) counts too: its cost is in the record's cost. */
function modelUsageOf(usage: Usage, costing: Costing | null, total_cost: string): RequestRecord['model_usage'] {
  const sums = newModelUsage()
  addCounts(sums, usage)
  if (usage.sub_usage) for (const inner of usage.sub_usage) addCounts(sums, inner)
  sums.total_tokens = sums.input_tokens + sums.output_tokens
  sums.total_characters = sums.input_characters + sums.output_characters
  sums.total_seconds = sums.input_seconds + sums.output_seconds
  if (costing) {
    sums.input_cost = formatMoney(costing.input_cost)
    sums.output_cost = formatMoney(costing.output_cost)
  }
  sums.total_cost = total_cost
  return sums
}

function addCounts(sums: RequestRecord['model_usage'], pass: Usage | SubUsage): void {
  sums.input_tokens += pass.input_tokens ?? (pass.output_tokens === undefined ? (pass.total_tokens ?? 0) : 0)
  sums.output_tokens += pass.output_tokens ?? 0
  sums.input_characters += pass.input_characters ?? 0
  sums.output_characters += pass.output_characters ?? 0
  sums.input_seconds += billedInputSeconds(pass) ?? 0
  sums.output_seconds += pass.output_seconds ?? 0
}

/** An answer that is no billed request has nothing that another unit would count either. */
function countsFor(meter: Meter, { counts_as_request }: Measurement): boolean {
  return meter.tier_type !== 'requests' || counts_as_request
}

function noteOf({ note }: Measurement, costing: Costing | null): string | null {
  if (!costing || costing.unpriced.length === 0) return note
  return joinedNotes(note, `no price is known for ${costing.unpriced.join(', ')}`)
}
