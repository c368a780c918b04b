// The usage request: where a stream tells its usage only when asked, the gateway asks, and takes the extra event out again.
import type { RequestBody } from '../http/body.ts'
import { EventFilter, type EventChoice } from '../http/event-filter.ts'
import { isEventStream } from '../http/headers.ts'
import { setMember } from '../http/json-member.ts'
import type { AnswerHead } from '../providers/answer-reader.ts'
import type { Call } from '../providers/call.ts'
import { fieldOf, listOf } from '../providers/json-value.ts'
import type { Provider } from '../providers/provider.ts'

export interface UsageRequestInput {
  provider: Pick<Provider, 'usageOnlyIfAsked'>
  call: Call
  url: URL
  body: RequestBody
  /** The body's JSON value. A form has only texts, so it is never one with `stream: true`. */
  json: unknown
}

/**
 * The body with `stream_options.include_usage` set, its other bytes as they were; null where it must not, or need not, be
 * asked: the caller asked itself, or the provider tells unasked, or is known to refuse the question. The answer to it must not be
 * packed: nothing can be taken out of packed bytes.
 */
export function bodyAskingForUsage({ provider, call, url, body, json }: UsageRequestInput): RequestBody | null {
  if (!provider.usageOnlyIfAsked || call.dialect !== 'openai-chat' || body.kind !== 'bytes') return null
  // OpenAI answers 400 to stream_options without `stream` in the body (litellm#5803).
  if (fieldOf(json, 'stream') !== true || !leavesItOpen(json) || isRefusedByAzure(url, json)) return null
  return { kind: 'bytes', bytes: setMember(body.bytes, ['stream_options', 'include_usage'], 'true') }
}

/** For the answer to a call that was asked for its usage; null when nothing can be, or is to be, taken out of it. */
export function filterUsageEvent({ status, headers }: AnswerHead): EventFilter | null {
  const packing = headers['content-encoding'] ?? 'identity'
  return status === 200 && isEventStream(headers) && packing === 'identity' ? new EventFilter(usageEvent) : null
}

/** Between two tokens of an event's JSON; where it has several lines, each begins with its field's name. */
const gap = String.raw`(?:\s|data:)*`

/** As the API reference has it: "the choices field will always be an empty array" (Chat Completions, stream_options). */
const usageEvent: EventChoice = {
  look: new RegExp(`"choices"${gap}:${gap}\\[${gap}\\]`),
  takesOut(data) {
    const event = jsonOfEvent(data)
    const [choices, usage] = [fieldOf(event, 'choices'), fieldOf(event, 'usage')]
    // Azure's first event has no choices either, but no usage; an error that comes with usage is the caller's to see.
    return (
      Array.isArray(choices) && choices.length === 0 && isObject(usage) && (fieldOf(event, 'error') ?? null) === null
    )
  },
}

/** What the provider would refuse anyway is left to it. */
function leavesItOpen(json: unknown): boolean {
  const options = fieldOf(json, 'stream_options') ?? null
  if (options === null) return true
  return isObject(options) && [undefined, null, false].some((open) => open === fieldOf(options, 'include_usage'))
}

/**
 * Azure answers 400 to `stream_options` in api-versions before 2024-09-01-preview (azure-rest-api-specs#29157, openai-dotnet#103)
 * and, in any, with On Your Data (openai-python#2296); Microsoft's own client also leaves it away with images in a dated
 * api-version (azure-sdk-for-net, AzureChatClient.cs of 2.9.0-beta.1). The v1 API has no dated version.
 */
function isRefusedByAzure(url: URL, json: unknown): boolean {
  if (fieldOf(json, 'data_sources') !== undefined) return true
  const version = url.searchParams.get('api-version')
  if (version === null || !/^\d{4}-/.test(version)) return false
  return version < '2024-09-01' || hasImage(json)
}

function hasImage(json: unknown): boolean {
  return listOf(fieldOf(json, 'messages')).some((message) =>
    listOf(fieldOf(message, 'content')).some((part) => fieldOf(part, 'type') === 'image_url'),
  )
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function jsonOfEvent(data: string): unknown {
  try {
    return JSON.parse(data)
  } catch {
    // `[DONE]`, or an event that is broken: not ours to judge.
    return undefined
  }
}
