// What mock answers are made of: what was asked, what it used, and the wire form of events.
import type { Behaviour } from './mock-behaviour.ts'

/** What was asked, as far as an answer depends on it. */
export interface Asked {
  path: string
  search: URLSearchParams
  body: Readonly<Record<string, unknown>>
  bodyBytes: number
  /** Counts the calls, and so makes ids. */
  number: number
  createdAtS: number
}

/** Either one JSON body, or events that are already in their wire form. */
export type MockAnswer =
  | { kind: 'json'; body: unknown }
  | { kind: 'events'; contentType: string; events: readonly string[] }
  | { kind: 'error'; status: number; body: unknown }

/** What an answer holds and says it used. */
export interface Used {
  input: number
  output: number
  cached: number
  reasoning: number
  omitted: boolean
  /** The answer's text, in the pieces that a stream sends. */
  pieces: readonly string[]
  /** A tool call in place of the text. */
  tool: Behaviour['tool'] | null
}

export function usedBy({ body, bodyBytes }: Asked, behaviour: Behaviour): Used {
  const { inputTokens, outputTokens, cachedTokens = 0, reasoningTokens = 0, omitUsage = false, events = 3 } = behaviour
  const cap = [body.max_tokens, body.max_completion_tokens, body.max_output_tokens].find(
    (value) => typeof value === 'number',
  )
  const output = outputTokens ?? Math.min(cap ?? 20, 20)
  const words = (behaviour.text ?? 'mock '.repeat(output)).split(/(?<= )/)
  const size = Math.max(1, Math.ceil(words.length / events))
  const pieces = Array.from({ length: events }, (_, index) => words.slice(index * size, (index + 1) * size).join(''))
  const input = inputTokens ?? Math.ceil(bodyBytes / 4)
  return {
    input,
    output,
    cached: cachedTokens,
    reasoning: reasoningTokens,
    omitted: omitUsage,
    pieces,
    tool: behaviour.tool ?? null,
  }
}

export function modelOf({ body }: Asked): string {
  return typeof body.model === 'string' ? body.model : 'mock-model'
}

export function sse(events: readonly string[]): MockAnswer {
  return { kind: 'events', contentType: 'text/event-stream; charset=utf-8', events }
}
