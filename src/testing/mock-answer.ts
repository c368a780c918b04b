// Mock answers: the bodies and events of OpenAI, Anthropic and Gemini, as those providers shape them.
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

/** Any base path may stand in front: only the end of the path is looked at. */
export function answerTo(asked: Asked, behaviour: Behaviour): MockAnswer {
  const gemini = /\/models\/([^/:]+):(generateContent|streamGenerateContent)$/.exec(asked.path)
  const family = gemini ? 'gemini' : asked.path.endsWith('/messages') ? 'anthropic' : 'openai'
  if (behaviour.status !== undefined) return errorOf(family, behaviour.status, 'the mock provider was told to fail')
  const used = usedBy(asked, behaviour)
  if (gemini)
    return geminiAnswer(asked, used, decodeURIComponent(gemini[1] ?? ''), gemini[2] === 'streamGenerateContent')
  if (asked.path.endsWith('/chat/completions')) return chatAnswer(asked, used)
  if (asked.path.endsWith('/responses')) return responsesAnswer(asked, used)
  if (asked.path.endsWith('/messages')) return messagesAnswer(asked, used)
  return errorOf('openai', 404, `Unknown request URL: ${asked.path}`)
}

interface Used {
  input: number
  output: number
  cached: number
  reasoning: number
  omitted: boolean
  /** The answer's text, in the pieces that a stream sends. */
  pieces: readonly string[]
}

function usedBy({ body, bodyBytes }: Asked, behaviour: Behaviour): Used {
  const { inputTokens, outputTokens, cachedTokens = 0, reasoningTokens = 0, omitUsage = false, events = 3 } = behaviour
  const cap = [body.max_tokens, body.max_completion_tokens, body.max_output_tokens].find(
    (value) => typeof value === 'number',
  )
  const output = outputTokens ?? Math.min(cap ?? 20, 20)
  const words = (behaviour.text ?? 'mock '.repeat(output)).split(/(?<= )/)
  const size = Math.max(1, Math.ceil(words.length / events))
  const pieces = Array.from({ length: events }, (_, index) => words.slice(index * size, (index + 1) * size).join(''))
  const input = inputTokens ?? Math.ceil(bodyBytes / 4)
  return { input, output, cached: cachedTokens, reasoning: reasoningTokens, omitted: omitUsage, pieces }
}

function modelOf({ body }: Asked): string {
  return typeof body.model === 'string' ? body.model : 'mock-model'
}

function chatAnswer(asked: Asked, used: Used): MockAnswer {
  const common = { id: `chatcmpl-mock${asked.number}`, created: asked.createdAtS, model: modelOf(asked) }
  const usage = {
    prompt_tokens: used.input,
    completion_tokens: used.output,
    total_tokens: used.input + used.output,
    prompt_tokens_details: { cached_tokens: used.cached, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: used.reasoning, audio_tokens: 0 },
  }
  const told = used.omitted ? {} : { usage }
  if (asked.body.stream !== true) {
    const message = { role: 'assistant', content: used.pieces.join(''), refusal: null }
    const choices = [{ index: 0, message, logprobs: null, finish_reason: 'stop' }]
    return { kind: 'json', body: { ...common, object: 'chat.completion', choices, ...told } }
  }
  const options: unknown = asked.body.stream_options
  const asksUsage =
    typeof options === 'object' && options !== null && 'include_usage' in options && options.include_usage === true
  const chunk = (choices: unknown[], more: object = {}) => ({
    ...common,
    object: 'chat.completion.chunk',
    choices,
    ...(asksUsage ? { usage: null } : {}),
    ...more,
  })
  const delta = (part: object, finish_reason: string | null = null) =>
    chunk([{ index: 0, delta: part, logprobs: null, finish_reason }])
  const chunks = [
    delta({ role: 'assistant', content: '' }),
    ...used.pieces.map((content) => delta({ content })),
    delta({}, 'stop'),
    ...(asksUsage && !used.omitted ? [chunk([], { usage })] : []),
  ]
  return sse([...chunks.map((data) => `data: ${JSON.stringify(data)}\n\n`), 'data: [DONE]\n\n'])
}

function responsesAnswer(asked: Asked, used: Used): MockAnswer {
  const usage = {
    input_tokens: used.input,
    input_tokens_details: { cached_tokens: used.cached },
    output_tokens: used.output,
    output_tokens_details: { reasoning_tokens: used.reasoning },
    total_tokens: used.input + used.output,
  }
  const item = (text: string) => ({
    id: `msg_mock${asked.number}`,
    type: 'message',
    status: 'completed',
    role: 'assistant',
    content: [{ type: 'output_text', text, annotations: [] }],
  })
  const response = (status: string, output: unknown[], told: object | null) => ({
    id: `resp_mock${asked.number}`,
    object: 'response',
    created_at: asked.createdAtS,
    status,
    model: modelOf(asked),
    output,
    usage: told,
  })
  const done = response('completed', [item(used.pieces.join(''))], used.omitted ? null : usage)
  if (asked.body.stream !== true) return { kind: 'json', body: done }
  const begun = response('in_progress', [], null)
  const events = [
    { type: 'response.created', response: begun },
    { type: 'response.in_progress', response: begun },
    ...used.pieces.map((delta) => ({
      type: 'response.output_text.delta',
      item_id: `msg_mock${asked.number}`,
      output_index: 0,
      content_index: 0,
      delta,
    })),
    { type: 'response.completed', response: done },
  ]
  return sse(
    events.map(
      (event, sequence_number) => `event: ${event.type}\ndata: ${JSON.stringify({ ...event, sequence_number })}\n\n`,
    ),
  )
}

function messagesAnswer(asked: Asked, used: Used): MockAnswer {
  const input = {
    input_tokens: used.input - used.cached,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: used.cached,
  }
  const message = { id: `msg_mock${asked.number}`, type: 'message', role: 'assistant', model: modelOf(asked) }
  const ended = { stop_reason: 'end_turn', stop_sequence: null }
  const told = (output_tokens: number) => (used.omitted ? {} : { usage: { ...input, output_tokens } })
  if (asked.body.stream !== true) {
    const content = [{ type: 'text', text: used.pieces.join('') }]
    return { kind: 'json', body: { ...message, content, ...ended, ...told(used.output) } }
  }
  const events = [
    // The output count of the first event is a placeholder, as the provider's is.
    { type: 'message_start', message: { ...message, content: [], stop_reason: null, stop_sequence: null, ...told(1) } },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    { type: 'ping' },
    ...used.pieces.map((text) => ({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } })),
    { type: 'content_block_stop', index: 0 },
    { type: 'message_delta', delta: ended, ...told(used.output) },
    { type: 'message_stop' },
  ]
  return sse(events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`))
}

function geminiAnswer(asked: Asked, used: Used, model: string, streamed: boolean): MockAnswer {
  // Thoughts are counted beside the candidates here, not within them.
  const candidatesTokens = Math.max(0, used.output - used.reasoning)
  const usageOf = (candidatesTokenCount: number) => ({
    promptTokenCount: used.input,
    candidatesTokenCount,
    totalTokenCount: used.input + candidatesTokenCount + used.reasoning,
    ...(used.cached > 0 ? { cachedContentTokenCount: used.cached } : {}),
    ...(used.reasoning > 0 ? { thoughtsTokenCount: used.reasoning } : {}),
  })
  const part = (text: string, share: number, last: boolean) => ({
    candidates: [
      { content: { parts: [{ text }], role: 'model' }, index: 0, ...(last ? { finishReason: 'STOP' } : {}) },
    ],
    ...(used.omitted ? {} : { usageMetadata: usageOf(Math.round(candidatesTokens * share)) }),
    modelVersion: model,
    responseId: `mock${asked.number}`,
  })
  if (!streamed) return { kind: 'json', body: part(used.pieces.join(''), 1, true) }
  const count = used.pieces.length
  const parts = used.pieces.map((text, index) => JSON.stringify(part(text, (index + 1) / count, index === count - 1)))
  if (asked.search.get('alt') === 'sse') return sse(parts.map((text) => `data: ${text}\r\n\r\n`))
  const events = parts.map(
    (text, index) => `${index === 0 ? '[' : ',\r\n'}${text}${index === count - 1 ? '\n]\n' : '\n'}`,
  )
  return { kind: 'events', contentType: 'application/json; charset=UTF-8', events }
}

function sse(events: readonly string[]): MockAnswer {
  return { kind: 'events', contentType: 'text/event-stream; charset=utf-8', events }
}

function errorOf(family: 'openai' | 'anthropic' | 'gemini', status: number, message: string): MockAnswer {
  const bodies = {
    openai: {
      error: { message, type: status >= 500 ? 'server_error' : 'invalid_request_error', param: null, code: null },
    },
    anthropic: { type: 'error', error: { type: status >= 500 ? 'api_error' : 'invalid_request_error', message } },
    gemini: { error: { code: status, message, status: status >= 500 ? 'INTERNAL' : 'INVALID_ARGUMENT' } },
  }
  return { kind: 'error', status, body: bodies[family] }
}
