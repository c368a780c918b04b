// OpenAI Responses: finds the usage in a response object, or in the event that ends its stream.
import type { Picked } from '../../http/json-picker.ts'
import type { PickPaths } from '../../http/pick-paths.ts'
import { picksOf } from '../../http/picks.ts'
import { nothingFound, type AnswerReader, type Findings, type ReaderRow } from '../answer-reader.ts'
import type { Call } from '../call.ts'
import { errorMessageOf, listOf, textOf } from '../json-value.ts'
import { hasBothSides, isTold, openaiUsage, usageOf } from './openai-usage.ts'

const responseFields = ['id', 'status', 'background', 'model', 'service_tier', 'usage', 'error'] as const

const paths: PickPaths = {
  type: 'head',
  message: 'value',
  ...Object.fromEntries(responseFields.flatMap((field) => [[field, 'value'], [`response.${field}`, 'value']])), // prettier-ignore
  'output.type': 'list',
  'response.output.type': 'list',
  'output.action.type': 'list',
  'response.output.action.type': 'list',
  // In a stream only the deltas are counted: the events that end a part repeat all of it.
  delta: 'text',
  'output.content.text': 'text',
  'output.content.refusal': 'text',
  'output.summary.text': 'text',
  'output.name': 'text',
  'output.arguments': 'text',
  'output.input': 'text',
}

/** Every event has a type; one of text has a delta, and neither an output nor all of a text. */
const quietPaths: PickPaths = {
  ...Object.fromEntries([...responseFields, 'message', 'output', 'text', 'refusal', 'name', 'arguments', 'input'].map((name) => [name, 'value'])), // prettier-ignore
  delta: 'text',
}

export const openaiResponses: ReaderRow = {
  picks: picksOf(paths, quietPaths),
  open: (call) => new OpenaiResponsesReader(call),
}

class OpenaiResponsesReader implements AnswerReader {
  readonly #call: Call
  #streamed = false
  #usage: unknown
  #searches = 0
  #fileSearches = 0
  #background: unknown
  #error: string | null = null
  #said: Record<'id' | 'status' | 'model' | 'service_tier', string | null> = {
    id: null,
    status: null,
    model: null,
    service_tier: null,
  }

  constructor(call: Call) {
    this.#call = call
  }

  read(object: Picked): boolean {
    const type = textOf(object.get('type'))
    if (type !== undefined) this.#streamed = true
    const prefix = this.#streamed ? 'response.' : ''
    for (const field of ['id', 'status', 'model', 'service_tier'] as const)
      this.#said[field] = textOf(object.get(`${prefix}${field}`)) ?? this.#said[field]
    this.#background = object.get(`${prefix}background`) ?? this.#background
    const message = errorMessageOf(object.get('error')) ?? errorMessageOf(object.get(`${prefix}error`))
    // Older streams tell an error flat: {"type":"error","message":…}.
    this.#error ??= message ?? (type === 'error' ? (textOf(object.get('message')) ?? 'error') : null)
    const usage = object.get(`${prefix}usage`)
    if (!isTold(usage, this.#usage !== undefined)) return false
    this.#usage = usage
    // A search tool also opens pages and finds in them, which is free.
    this.#searches = listOf(object.get(`${prefix}output.action.type`)).filter((action) => action === 'search').length
    this.#fileSearches = listOf(object.get(`${prefix}output.type`)).filter((type) => type === 'file_search_call').length
    return true
  }

  findings(): Findings {
    const { id, status, model, service_tier } = this.#said
    const told = this.#usage !== undefined
    const counted = told ? openaiUsage(this.#usage, { hiddenThoughts: false, serviceTier: service_tier }) : {}
    const searches = usageOf({
      web_search_requests: this.#searches > 0 ? this.#searches : undefined,
      file_search_requests: this.#fileSearches > 0 ? this.#fileSearches : undefined,
    })
    return {
      ...nothingFound,
      usage: { ...counted, ...searches },
      final: hasBothSides(counted),
      error: this.#error ?? (status === 'failed' ? 'the response failed' : null),
      pending: !told && (status === 'queued' || status === 'in_progress') && this.#goesOn(),
      unbilled: this.#unbilled(told),
      model,
      response_id: id,
      // A foreground response says so when it is read again, and is not billed then. Some hosts leave the field out.
      dedupe_id: this.#background === false ? null : id,
    }
  }

  /** A foreground stream that stops in the middle is cut; only background work goes on without its reader. */
  #goesOn(): boolean {
    return !this.#streamed || this.#background === true
  }

  #unbilled(told: boolean): string | null {
    if (!told && this.#said.status === 'cancelled') return 'the response was cancelled'
    // What a foreground response used was told, and billed, when it was made (litellm#17814).
    if (this.#call.method === 'GET' && this.#background === false) return 'a stored response was read again'
    return null
  }
}
