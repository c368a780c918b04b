// Estimate: what a call will probably use and be charged, before it is made.
import { LRUCache } from 'lru-cache'
import { zeroMoney, type Money } from '../money.ts'
import type { Usage } from '../usage.ts'
import { chargeAmount, countsUnit } from './charge.ts'
import { estimatedCost } from './cost.ts'
import type { Meter } from './meter.ts'
import type { ModelPrice } from './model-price.ts'

export interface EstimateInput {
  input_tokens_estimate: number
  /** The request's own cap on each answer; null when it has none. */
  max_output_tokens: number | null
  /** How many answers it asks for. Default 1. */
  choices?: number
  /** What `outputHistory` knows; null when it knows nothing. */
  typicalOutputTokens: number | null
  /** `strict`: the worst case. Default `estimate`. */
  mode?: 'estimate' | 'strict'
}

/**
 * How long an answer is taken to be when nothing else tells, in tokens.
 * `unknown`: neither a cap nor a history; a request without max_tokens must not pin the whole headroom (litellm PR#27509).
 * `cappedMax`: a cap but no history; coding agents send caps of 32,000 and write a few hundred (litellm PR#38647).
 * `strictUnknown`: the worst case without a cap. Only a guard that writes this cap into the body makes it a true one.
 */
export const assumedOutputTokens = { unknown: 1_000, cappedMax: 4_096, strictUnknown: 16_384 } as const

/**
 * The usage to hold money for. `estimate`: the smaller of the cap and the usual length; without a history the cap, at most
 * 4,096; without a cap the usual length; without both 1,000. `strict`: the cap; without one the larger of the usual length and 16,384.
 */
export function estimateUsage(call: EstimateInput): Usage {
  const { input_tokens_estimate: input_tokens, choices = 1 } = call
  return { input_tokens, output_tokens: outputTokensOf(call) * choices }
}

/**
 * The charge to hold. Null: it can't be said, and the guard must fall back to a flat hold or refuse. A percentage of an unknown
 * price, or a fixed rate on a unit that the estimate does not count (minutes of a chat).
 *
 * @param total_before the meter's total so far; without it a tiered meter is taken from its first tier.
 */
export function estimateCharge(meter: Meter, price: ModelPrice | null, usage: Usage, total_before = 0n): Money | null {
  if (meter.rate_type === 'fixed')
    return countsUnit(meter, usage) ? chargeAmount(meter, { usage, cost: zeroMoney, total_before }) : null
  const cost = estimatedCost(usage, price)
  return cost === null ? null : chargeAmount(meter, { usage, cost, total_before })
}

export interface OutputHistory {
  /** What nearly all answers of this model to this customer stay under, in tokens; else of this model to anyone; else null. */
  typical(customer: string | null, model: string): number | null
  /** @param output_tokens what one answer really used. */
  learn(customer: string | null, model: string, output_tokens: number): void
}

/**
 * Learns how long answers usually are: the mean of about the last ten plus two deviations. It is kept in memory only; a restart
 * forgets it and starts from the assumed lengths.
 *
 * @param customersMax how many pairs of customer and model it remembers, the least recently seen going first. Default 10,000.
 */
export function outputHistory({ customersMax = 10_000 }: { customersMax?: number } = {}): OutputHistory {
  const ofCustomer = new LRUCache<string, Lengths>({ max: customersMax })
  const ofModel = new LRUCache<string, Lengths>({ max: modelsMax })
  return {
    typical(customer, model) {
      const own = customer === null ? undefined : ofCustomer.get(keyOf(customer, model))
      return usualLength(own) ?? usualLength(ofModel.get(model))
    },
    learn(customer, model, output_tokens) {
      if (!Number.isFinite(output_tokens) || output_tokens < 0 || model.length > modelLengthMax) return
      if (customer !== null) addTo(ofCustomer, keyOf(customer, model), output_tokens)
      addTo(ofModel, model, output_tokens)
    },
  }
}

interface Lengths {
  seen: number
  mean: number
  variance: number
}

const modelsMax = 1_000
/** Names come from request bodies; longer ones are no model's and would fill the memory. */
const modelLengthMax = 200
/** Fewer answers say too little. */
const seenMin = 3
/** The weight of a new answer once there are ten. */
const newestWeight = 0.1

function outputTokensOf({ max_output_tokens: cap, typicalOutputTokens: typical, mode = 'estimate' }: EstimateInput) {
  const { unknown, cappedMax, strictUnknown } = assumedOutputTokens
  if (mode === 'strict') return cap ?? Math.max(typical ?? 0, strictUnknown)
  if (cap === null) return typical ?? unknown
  return Math.min(cap, typical ?? cappedMax)
}

function keyOf(customer: string, model: string): string {
  return `${customer}\n${model}`
}

function usualLength(lengths: Lengths | undefined): number | null {
  if (!lengths || lengths.seen < seenMin) return null
  return Math.ceil(lengths.mean + 2 * Math.sqrt(lengths.variance))
}

/** Exponentially weighted, but the plain mean and variance of the first ten. */
function addTo(known: LRUCache<string, Lengths>, key: string, length: number): void {
  const lengths = known.get(key)
  if (!lengths) {
    known.set(key, { seen: 1, mean: length, variance: 0 })
    return
  }
  lengths.seen++
  const weight = Math.max(1 / lengths.seen, newestWeight)
  const difference = length - lengths.mean
  lengths.mean += weight * difference
  lengths.variance = (1 - weight) * (lengths.variance + weight * difference * difference)
}
