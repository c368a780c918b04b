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

/** Above so many input tokens some models have another price, for the request and not for the batch. */
const longContextTokens = 200_000

class AnthropicBatchReader implements AnswerReader {
  readonly #call: Call
  /** By model, long contexts apart. */
  readonly #usages = new Map<string, { model: string; usage: Usage }>()

  constructor(call: Call) {
    this.#call = call
  }

  read(object: Picked): boolean {
    const usage = object.get('result.message.usage')
    if (usage === undefined) return false
    const { sub_usage = [], ...own } = anthropicUsage(usage)
    this.#add(textOf(object.get('result.message.model')) ?? '', own)
    for (const { model, ...part } of sub_usage) this.#add(model, part)
    return true
  }

  #add(named: string, usage: Usage): void {
    const isLong = (usage.input_tokens ?? 0) > longContextTokens
    const wanted = `${named}${isLong ? ' long' : ''}`
    const key = this.#usages.has(wanted) || this.#usages.size < modelsMax ? wanted : ''
    const model = key === '' ? '' : named
    const before = this.#usages.get(key)?.usage ?? {}
    this.#usages.set(key, { model, usage: added(before, { ...usage, summed_requests: 1 }) })
  }

  findings(): Findings {
    const [first, ...others] = this.#usages.values()
    if (!first) return { ...nothingFound, unbilled: 'no request of the batch succeeded' }
    const { model, usage } = first
    const sub_usage = others.map((part): SubUsage => ({ ...part.usage, model: part.model, service_tier: 'batch' }))
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

/** Field by field: counts are added, and where the model ran is the same in all of a batch. */
function added(one: Usage, other: Usage): Usage {
  const sum: Record<string, unknown> = { ...one }
  for (const [name, value] of Object.entries(other))
    sum[name] = typeof value === 'number' ? Number(sum[name] ?? 0) + value : value
  return sum
}
