// The results of an Anthropic message batch: a message a line, each with its usage; half the price.
import type { Picked } from '../../http/json-picker.ts'
import { picksOf } from '../../http/picks.ts'
import type { SubUsage, Usage } from '../../usage.ts'
import { nothingFound, type AnswerReader, type Findings, type ReaderRow } from '../answer-reader.ts'
import type { Call } from '../call.ts'
import { textOf } from '../json-value.ts'
import { anthropicUsage } from './anthropic.ts'

export const anthropicBatch: ReaderRow = {
  picks: picksOf({ error: 'value', 'result.message.model': 'value', 'result.message.usage': 'value' }),
  open: (call) => new AnthropicBatchReader(call),
}

/** A batch's requests name a handful of models. */
const modelsMax = 100

class AnthropicBatchReader implements AnswerReader {
  readonly #call: Call
  readonly #usages = new Map<string, Usage>()

  constructor(call: Call) {
    this.#call = call
  }

  read(object: Picked): boolean {
    const usage = object.get('result.message.usage')
    if (usage === undefined) return false
    const named = textOf(object.get('result.message.model')) ?? ''
    const model = this.#usages.has(named) || this.#usages.size < modelsMax ? named : ''
    this.#usages.set(model, added(this.#usages.get(model) ?? {}, anthropicUsage(usage)))
    return true
  }

  findings(): Findings {
    const [first, ...others] = this.#usages
    if (!first) return { ...nothingFound, unbilled: 'no request of the batch succeeded' }
    const [model, usage] = first
    const sub_usage = others.map(([name, part]): SubUsage => ({ ...part, model: name, service_tier: 'batch' }))
    return {
      ...nothingFound,
      usage: { ...usage, service_tier: 'batch', ...(sub_usage.length === 0 ? {} : { sub_usage }) },
      final: true,
      model: model === '' ? null : model,
      // The results can be fetched for weeks.
      dedupe_id: /\/batches\/([^/]+)\//.exec(this.#call.path)?.[1] ?? null,
    }
  }
}

/** Field by field; what advisors did is taken into the sums only where it has no model of its own. */
function added(one: Usage, other: Usage): Usage {
  const sum: Record<string, unknown> = { ...one }
  for (const [name, value] of Object.entries(other))
    if (typeof value === 'number') sum[name] = Number(sum[name] ?? 0) + value
  return sum
}
