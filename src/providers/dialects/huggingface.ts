// Hugging Face's inference endpoints: text generation tells its counts in headers, or in the details that were asked for.
import type { Picked } from '../../http/json-picker.ts'
import { picksOf } from '../../http/picks.ts'
import { nothingFound, type AnswerHead, type AnswerReader, type Findings, type ReaderRow } from '../answer-reader.ts'
import type { Call } from '../call.ts'
import { countOf, errorMessageOf, listOf, sumOf } from '../json-value.ts'
import { usageOf } from './openai-usage.ts'

export const huggingface: ReaderRow = {
  picks: picksOf({
    error: 'value',
    'token.id': 'value',
    generated_text: 'text',
    'details.generated_tokens': 'list',
    'details.input_length': 'value',
    'details.prefill': 'count',
  }),
  open: (call, head) => new HuggingfaceReader(call, head),
}

/** The server of huggingface/text-generation-inference (its docs/openapi.json). */
class HuggingfaceReader implements AnswerReader {
  readonly #call: Call
  readonly #head: AnswerHead
  /** A stream has an event for each token, also where no details were asked for. */
  #tokens = 0
  #generated: number | undefined
  #prompt: number | undefined
  #error: string | null = null

  constructor(call: Call, head: AnswerHead) {
    this.#call = call
    this.#head = head
  }

  read(object: Picked): boolean {
    if (object.has('token.id')) this.#tokens++
    this.#error ??= errorMessageOf(object.get('error')) ?? null
    const generated = sumOf(...listOf(object.get('details.generated_tokens')).map(countOf))
    // A body is a list of answers, each an object of its own.
    this.#generated = sumOf(this.#generated, generated)
    this.#prompt = countOf(object.get('details.input_length')) ?? this.#filled(object) ?? this.#prompt
    return generated !== undefined
  }

  findings(): Findings {
    const output_tokens = this.#header('x-generated-tokens') ?? this.#generated
    const input_tokens = this.#header('x-prompt-tokens') ?? this.#prompt
    const told = output_tokens !== undefined
    return {
      ...nothingFound,
      usage: usageOf({ input_tokens, output_tokens: output_tokens ?? (this.#tokens > 0 ? this.#tokens : undefined) }),
      final: told && input_tokens !== undefined,
      assumed: told && input_tokens === undefined ? { input_tokens: this.#call.input_tokens_estimate } : null,
      error: this.#error,
    }
  }

  /** The prompt's tokens, listed where `decoder_input_details` asked for them, else none. */
  #filled(object: Picked): number | undefined {
    const count = countOf(object.get('details.prefill'))
    return count === 0 ? undefined : count
  }

  #header(name: string): number | undefined {
    const value = this.#head.headers[name]
    return typeof value === 'string' && value.trim() !== '' ? countOf(Number(value)) : undefined
  }
}
