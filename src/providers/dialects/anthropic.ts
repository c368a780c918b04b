// Anthropic Messages: finds the usage in a message, or in the events that begin and end its stream.
import type { Picked } from '../../http/json-picker.ts'
import type { PickPaths } from '../../http/pick-paths.ts'
import { picksOf } from '../../http/picks.ts'
import type { SubUsage, Usage } from '../../usage.ts'
import { nothingFound, type AnswerReader, type Findings, type ReaderRow } from '../answer-reader.ts'
import { countOf, errorMessageOf, fieldOf, listOf, sumOf, textOf } from '../json-value.ts'
import { usageOf } from './openai-usage.ts'

/** Also inside of Bedrock's invoke. */
export const anthropicPaths = {
  type: 'head',
  id: 'head',
  model: 'head',
  usage: 'value',
  error: 'value',
  'message.id': 'value',
  'message.model': 'value',
  'message.usage': 'value',
  'delta.stop_reason': 'value',
  'delta.text': 'text',
  'delta.thinking': 'text',
  'delta.partial_json': 'text',
  'content_block.name': 'text',
  'content.text': 'text',
  'content.thinking': 'text',
  'content.name': 'text',
  'content.input': 'text',
} as const satisfies PickPaths

export const anthropic: ReaderRow = {
  picks: picksOf(anthropicPaths),
  open: () => new AnthropicReader(),
}

/** What is kept of a `usage`: others, which a stream could name without end, are not. */
const usageFields = new Set([
  'input_tokens', 'output_tokens', 'output_tokens_details', 'cache_read_input_tokens', 'cache_creation_input_tokens',
  'cache_creation', 'server_tool_use', 'service_tier', 'inference_geo', 'speed', 'iterations',
]) // prettier-ignore

const inputFields = ['input_tokens', 'cache_read_input_tokens', 'cache_creation_input_tokens'] as const

class AnthropicReader implements AnswerReader {
  /** The usage so far: each event replaces the fields it has. */
  #usage: Record<string, unknown> = {}
  #outputTold = false
  #stopped = false
  #model: string | null = null
  #id: string | null = null
  #error: string | null = null

  read(object: Picked): boolean {
    const type = textOf(object.get('type'))
    this.#model ??= textOf(object.get('message.model')) ?? textOf(object.get('model')) ?? null
    this.#id ??= textOf(object.get('message.id')) ?? textOf(object.get('id')) ?? null
    this.#error ??= errorMessageOf(object.get('error')) ?? (type === 'error' ? 'error' : null)
    if (type === 'message_stop' || type === 'message' || object.has('delta.stop_reason')) this.#stopped = true
    const begun = object.get('message.usage')
    const usage = object.get('usage')
    if (begun !== undefined) this.#merge(begun, false)
    if (usage !== undefined) this.#merge(usage, true)
    return begun !== undefined || usage !== undefined
  }

  findings(): Findings {
    return {
      ...nothingFound,
      usage: anthropicUsage(this.#usage),
      // A body without its `type` is one all the same; a stream has its last word when it has said why it stopped.
      final: this.#outputTold && this.#stopped,
      error: this.#error,
      model: this.#model,
      response_id: this.#id,
    }
  }

  /** @param output false for `message_start`, whose output count is a placeholder. */
  #merge(told: unknown, output: boolean): void {
    if (typeof told !== 'object' || told === null) return
    // Some gateways send zeros where they mean nothing; no message has an empty input.
    const noInput = inputFields.every((field) => !countOf(fieldOf(told, field)))
    for (const [key, value] of Object.entries(told)) {
      if (value === null || value === undefined || !usageFields.has(key)) continue
      if (noInput && inputFields.some((field) => field === key)) continue
      if (!output && key.startsWith('output_tokens')) continue
      this.#usage[key] = value
    }
    if (output && countOf(fieldOf(told, 'output_tokens')) !== undefined) this.#outputTold = true
  }
}

/** Cached tokens stand beside `input_tokens`, not in it. */
export function anthropicUsage(told: unknown): Usage {
  const iterations = listOf(fieldOf(told, 'iterations'))
  // The top level leaves the compaction pass out; it holds the `message` passes, which must not be added again.
  const compactions = iterations.filter((pass) => fieldOf(pass, 'type') === 'compaction')
  const sum = (...path: readonly [string, ...string[]]) => sumOf(...[told, ...compactions].map((pass) => countAt(pass, path))) // prettier-ignore
  const cacheRead = sum('cache_read_input_tokens')
  const cacheWrite = sum('cache_creation_input_tokens')
  const advisors = iterations.flatMap(advisorUsage)
  return usageOf({
    input_tokens: sumOf(sum('input_tokens'), cacheRead, cacheWrite),
    output_tokens: sum('output_tokens'),
    cache_read_tokens: cacheRead,
    cache_write_tokens: cacheWrite,
    cache_write_5m_tokens: sum('cache_creation', 'ephemeral_5m_input_tokens'),
    cache_write_1h_tokens: sum('cache_creation', 'ephemeral_1h_input_tokens'),
    reasoning_tokens: sum('output_tokens_details', 'thinking_tokens'),
    web_search_requests: countAt(told, ['server_tool_use', 'web_search_requests']),
    service_tier: textOf(fieldOf(told, 'service_tier')),
    inference_geo: textOf(fieldOf(told, 'inference_geo')),
    speed: textOf(fieldOf(told, 'speed')),
    sub_usage: advisors.length > 0 ? advisors : undefined,
  })
}

/** An advisor is another model at its own price. */
function advisorUsage(pass: unknown): SubUsage[] {
  const model = textOf(fieldOf(pass, 'model'))
  if (fieldOf(pass, 'type') !== 'advisor_message' || model === undefined) return []
  const cacheRead = countAt(pass, ['cache_read_input_tokens'])
  const cacheWrite = countAt(pass, ['cache_creation_input_tokens'])
  const usage = usageOf({
    input_tokens: sumOf(countAt(pass, ['input_tokens']), cacheRead, cacheWrite),
    output_tokens: countAt(pass, ['output_tokens']),
    cache_read_tokens: cacheRead,
    cache_write_tokens: cacheWrite,
    cache_write_1h_tokens: countAt(pass, ['cache_creation', 'ephemeral_1h_input_tokens']),
  })
  return [{ ...usage, model }]
}

function countAt(value: unknown, path: readonly string[]): number | undefined {
  return countOf(path.reduce<unknown>((inner, key) => fieldOf(inner, key), value))
}
