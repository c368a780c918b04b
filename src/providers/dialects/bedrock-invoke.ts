// Bedrock invoke, streamed or not: the model's own format, with counts of Amazon's in the headers or in the last object.
import type { Picked } from '../../http/json-picker.ts'
import { picksOf } from '../../http/picks.ts'
import type { Usage } from '../../usage.ts'
import type { AnswerHead, AnswerReader, Findings, ReaderRow } from '../answer-reader.ts'
import type { Call } from '../call.ts'
import { countOf, fieldOf, listOf, sumOf } from '../json-value.ts'
import { anthropic, anthropicPaths } from './anthropic.ts'
import { converseUsage } from './bedrock-converse.ts'
import { openaiUsage, usageOf } from './openai-usage.ts'

const metricsPath = 'amazon-bedrock-invocationMetrics'

export const bedrockInvoke: ReaderRow = {
  picks: picksOf({
    ...anthropicPaths,
    [metricsPath]: 'value',
    'metadata.usage': 'value',
    // Titan
    inputTextTokenCount: 'value',
    totalOutputTextTokenCount: 'value',
    'results.tokenCount': 'list',
    outputText: 'text',
    'results.outputText': 'text',
    // Llama
    prompt_token_count: 'value',
    generation_token_count: 'value',
    generation: 'text',
    // Nova
    'contentBlockDelta.delta.text': 'text',
    'output.message.content.text': 'text',
    // Claude 2, Mistral, Cohere, Jurassic, OpenAI's open models
    completion: 'text',
    'outputs.text': 'text',
    'generations.text': 'text',
    'completions.data.text': 'text',
    text: 'text',
    'choices.text': 'text',
    'choices.message.content': 'text',
    'choices.delta.content': 'text',
    // Nova Canvas, Titan's and Stability's image makers; Stability's first
    images: 'count',
    artifacts: 'count',
  }),
  open: (call, head) => new BedrockInvokeReader(call, head),
}

/** Of several voices the most detailed is believed: Claude's own, then Amazon's, then the other models'. */
class BedrockInvokeReader implements AnswerReader {
  readonly #call: Call
  readonly #claude: AnswerReader
  readonly #head: AnswerHead
  #metrics: unknown
  #vendor: Usage = {}
  #images: number | undefined

  constructor(call: Call, head: AnswerHead) {
    this.#call = call
    this.#claude = anthropic.open(call, head)
    this.#head = head
  }

  read(object: Picked): boolean {
    const told = this.#claude.read(object)
    this.#metrics = object.get(metricsPath) ?? this.#metrics
    const vendor = vendorUsage(object)
    this.#vendor = { ...this.#vendor, ...vendor }
    this.#images = countOf(object.get('images')) ?? countOf(object.get('artifacts')) ?? this.#images
    return told || object.has(metricsPath) || Object.keys(vendor).length > 0
  }

  findings(): Findings {
    const findings = this.#claude.findings()
    const { input_tokens, output_tokens } = findings.usage
    if (findings.final && input_tokens !== undefined && output_tokens !== undefined) return findings
    const amazon = { ...headerUsage(this.#head), ...metricsUsage(this.#metrics) }
    // Amazon counts each side by itself: a guardrail's answer had only the input in its body.
    const usage = { ...findings.usage, ...this.#vendor, ...amazon, ...usageOf({ images: this.#images }) }
    const told =
      Object.keys(amazon).length > 0 || this.#vendor.output_tokens !== undefined || this.#images !== undefined
    return { ...findings, usage, final: told || (this.#embeds() && usage.input_tokens !== undefined) }
  }

  /** Nothing is written then: Titan's embeddings tell their input alone. */
  #embeds(): boolean {
    return this.#call.model?.includes('embed') ?? false
  }
}

function vendorUsage(object: Picked): Usage {
  const usage = object.get('metadata.usage') ?? object.get('usage')
  const titanOutput = sumOf(...listOf(object.get('results.tokenCount')).map(countOf))
  return {
    ...converseUsage(usage),
    ...(fieldOf(usage, 'prompt_tokens') === undefined ? {} : openaiUsage(usage, { hiddenThoughts: false, serviceTier: null })),
    ...usageOf({
      input_tokens: countOf(object.get('inputTextTokenCount')) ?? countOf(object.get('prompt_token_count')),
      output_tokens:
        countOf(object.get('totalOutputTextTokenCount')) ?? titanOutput ?? countOf(object.get('generation_token_count')),
    }),
  } // prettier-ignore
}

/** The header's input leaves the cached tokens out. */
function headerUsage({ headers }: AnswerHead): Usage {
  const count = (name: string) => {
    const value = headers[`x-amzn-bedrock-${name}-token-count`]
    return typeof value === 'string' ? countOf(Number(value)) : undefined
  }
  return amazonUsage(count('input'), count('output'), count('cache-read-input'), count('cache-write-input'))
}

function metricsUsage(metrics: unknown): Usage {
  const count = (name: string) => countOf(fieldOf(metrics, `${name}TokenCount`))
  return amazonUsage(count('input'), count('output'), count('cacheReadInput'), count('cacheWriteInput'))
}

function amazonUsage(
  input: number | undefined,
  output: number | undefined,
  read: number | undefined,
  written: number | undefined,
): Usage {
  return usageOf({
    input_tokens: sumOf(input, read, written),
    output_tokens: output,
    cache_read_tokens: read,
    cache_write_tokens: written,
  })
}
