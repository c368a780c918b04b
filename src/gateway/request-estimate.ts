// The estimate of one request: what to hold for it, what to require, and by which meter and price.
import { GatewayError } from '../errors.ts'
import type { HoldAct } from '../ledger/storage-adapter.ts'
import { zeroMoney, type Money } from '../money.ts'
import { chargeFor, outputTokensWithin } from '../pricing/charge.ts'
import { estimateCharge, estimateUsage, type OutputHistory } from '../pricing/estimate.ts'
import type { Meter } from '../pricing/meter.ts'
import type { ModelPrice } from '../pricing/model-price.ts'
import type { PriceTable } from '../pricing/price-table.ts'
import type { Call } from '../providers/call.ts'
import type { Admission } from './admission.ts'
import type { Settings } from './options.ts'
import { requireMeter } from './report.ts'

export interface RequestEstimate {
  hold: Money
  requires: HoldAct['requires']
  meter: Meter | null
  billed: boolean
  price: ModelPrice | null
  /** The longest answer that an available amount would pay for; null when that can't be said. */
  outputTokensWithin: (available: Money) => number | null
}

export interface Estimator {
  /** @throws GatewayError `invalid_request` (unknown meter), `price_unknown`. */
  estimate(admission: Admission<Call | null>): RequestEstimate
}

interface EstimatorParts {
  settings: Settings<never>
  prices: PriceTable
  history: OutputHistory
}

export function createEstimator({ settings, prices, history }: EstimatorParts): Estimator {
  function priceFor({ provider, call }: Admission<Call | null>): ModelPrice | null {
    if (!provider || typeof call?.model !== 'string') return null
    return prices.find({
      provider: provider.key,
      priceProvider: provider.priceProvider,
      model: call.model,
      at_ms: settings.clock(),
    })
  }

  /** What the call will probably be charged; null when nothing tells. */
  function likelyCharge(meter: Meter, price: ModelPrice | null, call: Call, customer_id: string | null): Money | null {
    const usage = estimateUsage({
      input_tokens_estimate: call.input_tokens_estimate,
      max_output_tokens: call.max_output_tokens,
      choices: call.choices,
      typicalOutputTokens: call.model === null ? null : history.typical(customer_id, call.model),
    })
    return estimateCharge(meter, price, Object.assign(usage, call.requested))
  }

  function holdFor(admission: Admission<Call | null>, meter: Meter, price: ModelPrice | null): Money {
    const { call, caller } = admission
    if (admission.estimate !== null) return admission.estimate
    if (call?.free) return zeroMoney
    // One request is one unit, whatever it asks.
    if (meter.tier_type === 'requests' && meter.rate_type === 'fixed')
      return chargeFor(meter, { usage: {}, cost: zeroMoney, total_before: 0n }).amount
    if (call === null) return settings.flatHold
    const likely = !call.readable ? null : likelyCharge(meter, price, call, caller.customer_id)
    if (likely !== null) return likely
    // A rate on a unit that only the answer counts (minutes of a chat): known to be priced, not yet how much.
    if (meter.rate_type === 'fixed' && call.readable) return settings.flatHold
    // Some models are known only from the answer, and some prices are of things that only the answer counts.
    const mayBePricedLater = call.readable && (call.model === null ? call.names_model_later : price !== null)
    if (settings.onUnknownPrice === 'refuse' && !mayBePricedLater) throw unknownPrice(call)
    return settings.flatHold
  }

  return {
    estimate(admission) {
      const { caller, enforced } = admission
      const meter = caller.meter_slug === null ? null : requireMeter(caller.meter_slug, settings.meters)
      const price = priceFor(admission)
      const billed = caller.customer_id !== null && !caller.billing_disabled && meter !== null
      const made = (hold: Money, requires: HoldAct['requires']): RequestEstimate => ({
        hold,
        requires,
        meter,
        billed,
        price,
        outputTokensWithin: (available) =>
          meter && admission.call ? outputTokensEach(meter, price, admission.call, available) : null,
      })
      if (!billed || !enforced) return made(zeroMoney, 'nothing')
      if (admission.reserve) return made(admission.estimate ?? zeroMoney, 'amount')
      const likely = holdFor(admission, meter, price)
      if (likely === zeroMoney && admission.call?.free) return made(zeroMoney, 'nothing')
      // Of a budget each call needs a part of its own.
      if (settings.guardMode === 'balance' && !admission.budget) return made(zeroMoney, 'positive')
      return made(likely, 'amount')
    },
  }
}

function unknownPrice(call: Call): GatewayError {
  const reason = !call.readable
    ? 'The usage of this endpoint can’t be read, so it can’t be billed by this meter'
    : `No price is known for the model ${JSON.stringify(call.model)}`
  return new GatewayError(
    'price_unknown',
    `${reason}. Add it to the \`prices\` option, use a meter of \`requests\`, or set onUnknownPrice: 'allow'.`,
  )
}

/** The longest each answer may be; a call may ask for several. */
function outputTokensEach(meter: Meter, price: ModelPrice | null, call: Call, available: Money): number | null {
  const tokens = outputTokensWithin(meter, price, call.input_tokens_estimate, available)
  return tokens === null ? null : Math.floor(tokens / Math.max(1, call.choices))
}
