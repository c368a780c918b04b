// OpenAI chat completions, the legacy completions, and every host that speaks them: finds the usage in an answer.
import type { Picked } from '../../http/json-picker.ts'
import { picksOf } from '../../http/picks.ts'
import { nothingFound, type AnswerReader, type Findings, type ReaderRow } from '../answer-reader.ts'
import type { Usage } from '../../usage.ts'
import type { Call } from '../call.ts'
import { errorMessageOf, textOf } from '../json-value.ts'
import { hasBothSides, isTold, openaiUsage } from './openai-usage.ts'

const messageTexts = [
  'content', 'content.text', 'reasoning_content', 'reasoning', 'refusal', 'audio.transcript', 'tool_calls.function.name',
  'tool_calls.function.arguments', 'function_call.name', 'function_call.arguments',
] // prettier-ignore

export const openaiChat: ReaderRow = {
  picks: picksOf({
    id: 'head',
    model: 'head',
    service_tier: 'head',
    error: 'value',
    usage: 'value',
    // Groq's older streams have it only here, newer ones in both places.
    'x_groq.usage': 'value',
    // Moonshot's older streams.
    'choices.usage': 'value',
    'choices.finish_reason': 'value',
    'choices.text': 'text',
    // Writer's legacy stream.
    value: 'text',
    ...Object.fromEntries(
      messageTexts.flatMap((path) => [
        [`choices.delta.${path}`, 'text'],
        [`choices.message.${path}`, 'text'],
      ]),
    ),
  }),
  open: (call) => new OpenaiChatReader(call),
}

class OpenaiChatReader implements AnswerReader {
  readonly #call: Call
  /** Some repeat it cumulatively in every chunk, so the last one counts and they are never added (ogx#5122, lmdeploy#3832). */
  #usage: unknown
  #model: string | null = null
  #id: string | null = null
  #serviceTier: string | null = null
  #error: string | null = null
  #objects = 0
  #finished = false
  /** Whether the usage was told with the finish reason or after it, not before. */
  #toldLast = false

  constructor(call: Call) {
    this.#call = call
  }

  read(object: Picked): boolean {
    this.#objects++
    // Azure's first chunk has an empty model.
    this.#model = textOf(object.get('model')) ?? this.#model
    this.#id ??= textOf(object.get('id')) ?? null
    this.#serviceTier = textOf(object.get('service_tier')) ?? this.#serviceTier
    this.#error ??= errorMessageOf(object.get('error')) ?? null
    if (object.has('choices.finish_reason')) this.#finished = true
    const usage = object.get('usage') ?? object.get('x_groq.usage') ?? object.get('choices.usage')
    if (!isTold(usage, this.#usage !== undefined)) return false
    this.#usage = usage
    this.#toldLast = this.#finished
    return true
  }

  findings(): Findings {
    const usage = this.#counted()
    // Perplexity's counts grow from chunk to chunk: before the end they are a lower bound.
    const last = this.#toldLast || (this.#objects === 1 && !this.#call.streamed)
    return {
      ...nothingFound,
      usage,
      // A count that is missing is estimated from the text that came.
      final: last && hasBothSides(usage),
      error: this.#error,
      model: this.#model,
      response_id: this.#id,
    }
  }

  #counted(): Usage {
    const hiddenThoughts = this.#call.family === 'google' || (this.#model?.startsWith('gemini') ?? false)
    return this.#usage === undefined ? {} : openaiUsage(this.#usage, { hiddenThoughts, serviceTier: this.#serviceTier })
  }
}
