// A call: what a request to a provider asks for, as far as its billing is concerned.
import type { Usage } from '../usage.ts'
import { defaultModel, namesItsModel } from './default-model.ts'
import { endpointOf, modelOfPath, type Dialect } from './endpoint.ts'
import { countOf, fieldOf, textOf } from './json-value.ts'
import type { ProviderFamily } from './provider.ts'
import { estimateInputTokens } from './request-size.ts'
import { requestedUsage } from './requested-usage.ts'

export type { Dialect } from './endpoint.ts'

export interface Call {
  method: string
  path: string
  family: ProviderFamily | null
  /** How the answer tells its usage. Null: no reader of ours for this endpoint. */
  dialect: Dialect | null
  /** Whether the answer can be read: by a reader of ours, or by the host's own. */
  readable: boolean
  /** Whether its model will be known at the end, if it is not now: the answer names it, or the body is read as it passes. */
  names_model_later: boolean
  /** Such a call is never billed (token counting, lists, deletions). */
  free: boolean
  model: string | null
  /** Whatever else it names that may answer in its place: fallbacks, agents, and where path, query and body differ. */
  other_models: readonly string[]
  streamed: boolean
  /** The request's own cap on each answer. */
  max_output_tokens: number | null
  input_tokens_estimate: number
  /** How many answers it asks for. */
  choices: number
  /** What the request itself tells of the usage: a text to be spoken, pictures, that no text will come. */
  requested: Usage
  /** Whether the caller itself asked for the usage event of a chat stream. */
  includes_usage: boolean
}

/** What a call's address alone tells, the same for every call to it. */
export interface CallAddress {
  readonly method: string
  readonly path: string
  /** Null: the provider speaks none of the known formats. */
  readonly family: ProviderFamily | null
  readonly endpoint: Dialect | 'free' | null
  readonly modelInPath: string | null
  readonly modelsInQuery: readonly string[]
  readonly streamed: boolean
}

export interface CallInput {
  address: CallAddress
  /** The parsed JSON; undefined when there is none, or it was not read. */
  body: unknown
  bodyBytes: number
  /** Whether the host itself reads the provider's answers. Default false. */
  hostReads?: boolean
}

export function addressOf(family: ProviderFamily | null, method: string, url: URL): CallAddress {
  return {
    method,
    path: url.pathname,
    family,
    endpoint: endpointOf(method, url, family),
    modelInPath: modelOfPath(url, family),
    modelsInQuery: url.search === '' ? [] : url.searchParams.getAll('model'),
    streamed: isStreamedBy(url),
  }
}

/**
 * Reads what a request asks for. Believes nothing: a field of the wrong type is as good as absent.
 *
 * @example
 * const address = addressOf('openai', 'POST', new URL('https://api.openai.com/v1/chat/completions'))
 * describeCall({ address, body: { model: 'gpt-5', messages }, bodyBytes: 512 }).dialect // 'openai-chat'
 */
export function describeCall({ address, body, bodyBytes, hostReads = false }: CallInput): Call {
  const { method, path, family, endpoint } = address
  const free = endpoint === 'free'
  const dialect = endpoint === 'free' || family === null ? null : endpoint
  const readable = dialect !== null || (hostReads && !free)
  const model = modelOf(address, body) ?? defaultModel(family, dialect)
  const unread = body === undefined && bodyBytes > 0
  return {
    method,
    path,
    family,
    dialect,
    readable,
    names_model_later: unread || dialect === null || namesItsModel(dialect),
    free,
    model,
    other_models: otherModels(model, address, body),
    streamed: address.streamed || isStreamed(body),
    max_output_tokens: outputCap(body),
    input_tokens_estimate: !readable ? 0 : estimateInputTokens(body, bodyBytes),
    choices: choicesOf(body),
    requested: dialect === null ? {} : requestedUsage(dialect, { path, model, body, bodyBytes }),
    includes_usage: fieldOf(fieldOf(body, 'stream_options'), 'include_usage') === true,
  }
}

/** ElevenLabs says `model_id`, watsonx too; Deepgram writes it in the query. */
function modelOf({ family, modelInPath, modelsInQuery }: CallAddress, body: unknown): string | null {
  // There the path decides, and a body may say what it likes.
  if (modelInPath !== null && (family === 'google' || family === 'bedrock' || family === 'replicate'))
    return modelInPath
  const inBody = textOf(fieldOf(body, 'model')) ?? textOf(fieldOf(body, 'model_id'))
  return inBody ?? modelInPath ?? textOf(modelsInQuery[0]) ?? null
}

/** Fields that name what shall answer, at one provider or another. */
const namingFields: ReadonlySet<string> = new Set([
  'model', 'model_id', 'models', 'fallbacks', 'agent', 'agent_id', 'speech_model', 'speech_models',
]) // prettier-ignore

function otherModels(model: string | null, address: CallAddress, body: unknown): readonly string[] {
  const { family, modelInPath, modelsInQuery } = address
  let others = none
  const add = (name: unknown) => {
    const text = textOf(name) ?? textOf(fieldOf(name, 'model'))
    if (text !== undefined && text !== model && !others.includes(text)) others = [...others, text]
  }
  if (modelInPath !== null) add(modelInPath)
  for (const name of modelsInQuery) add(name)
  if (typeof body === 'object' && body !== null)
    for (const key of Object.keys(body)) {
      // Some servers (Go's) read keys in any case.
      const field = key.toLowerCase()
      if (!namingFields.has(field) && !(field === 'version' && family === 'replicate')) continue
      const value: unknown = Reflect.get(body, key)
      if (Array.isArray(value)) for (const name of value) add(name)
      else add(value)
    }
  return others
}

const none: readonly string[] = []

function isStreamed(body: unknown): boolean {
  const stream = fieldOf(body, 'stream')
  // A form's fields are texts.
  return stream === true || stream === 'true' || fieldOf(body, 'stream_format') === 'sse'
}

function isStreamedBy({ pathname, searchParams }: URL): boolean {
  return (
    searchParams.get('stream') === 'true' ||
    /:stream(?:GenerateContent|RawPredict)$|\/(?:converse-stream|invoke-with-response-stream|text_stream|generation_stream|chat_stream)$/.test(
      pathname,
    )
  )
}

function configOf(body: unknown): unknown {
  return fieldOf(body, 'generationConfig') ?? fieldOf(body, 'generation_config')
}

/** The highest of them: where several are given, providers differ in which they heed. */
function outputCap(body: unknown): number | null {
  const config = configOf(body)
  let highest: number | null = null
  for (const key of capKeys) highest = higher(highest, countOf(fieldOf(body, key)))
  if (config !== undefined) for (const key of configCapKeys) highest = higher(highest, countOf(fieldOf(config, key)))
  return highest
}

const capKeys = ['max_completion_tokens', 'max_tokens', 'max_output_tokens'] as const
const configCapKeys = ['maxOutputTokens', 'max_output_tokens'] as const

function higher(highest: number | null, count: number | undefined): number | null {
  return count === undefined ? highest : Math.max(highest ?? count, count)
}

function choicesOf(body: unknown): number {
  const config = configOf(body)
  let asked = countOf(fieldOf(body, 'n')) ?? 1
  // The legacy completions: it writes all of them, returns the best, and bills all.
  asked = Math.max(asked, countOf(fieldOf(body, 'best_of')) ?? 1)
  if (config !== undefined)
    asked = Math.max(
      asked,
      countOf(fieldOf(config, 'candidateCount')) ?? 1,
      countOf(fieldOf(config, 'candidate_count')) ?? 1,
    )
  const prompt = fieldOf(body, 'prompt')
  const prompts = Array.isArray(prompt) && prompt.every((part) => typeof part !== 'number') ? prompt.length : 1
  return Math.max(1, asked) * Math.max(1, prompts)
}
