// The provider's answers: chat completions of a given size, plain or streamed, with the usage that OpenAI sends.

/** What the provider is to answer; travels in the header `x-bench-answer`, which every proxy passes on. */
export type AnswerKind =
  /** So long after the request has come. */
  | { kind: 'json'; bytes: number; afterMs: number }
  /** One event a turn of the event loop, so that each goes out by itself; with `gapMs` one so often. */
  | { kind: 'events'; count: number; gapMs: number }

export const answerHeader = 'x-bench-answer'

export function answerText(answer: AnswerKind): string {
  return answer.kind === 'json' ? `json ${answer.bytes} ${answer.afterMs}` : `events ${answer.count} ${answer.gapMs}`
}

export function parseAnswer(text: string): AnswerKind {
  const [kind, first = NaN, second = NaN] = text.split(' ').map((part, at) => (at === 0 ? part : Number(part)))
  if (typeof first === 'number' && first > 0 && typeof second === 'number' && second >= 0) {
    if (kind === 'json') return { kind, bytes: first, afterMs: second }
    if (kind === 'events') return { kind, count: first, gapMs: second }
  }
  throw new TypeError(`no such answer: ${text}`)
}

const usage = {
  prompt_tokens: 1200,
  completion_tokens: 345,
  total_tokens: 1545,
  prompt_tokens_details: { cached_tokens: 1024, audio_tokens: 0 },
  completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0, accepted_prediction_tokens: 0 },
}
const shared = { id: 'chatcmpl-BenchBenchBenchBenchBench', created: 1_700_000_000, model: 'gpt-4o-mini-2024-07-18' }
const text = 'The quick brown fox jumps over the lazy dog, and then it rests for a while in the shade. '

export function jsonAnswer(bytes: number): Buffer {
  const make = (content: string) =>
    JSON.stringify({
      ...shared,
      object: 'chat.completion',
      choices: [{ index: 0, message: { role: 'assistant', content, refusal: null }, logprobs: null, finish_reason: 'stop' }],
      usage,
      service_tier: 'default',
      system_fingerprint: 'fp_bench',
    }) // prettier-ignore
  const missing = Math.max(0, bytes - make('').length)
  return Buffer.from(make(text.repeat(Math.ceil(missing / text.length)).slice(0, missing)))
}

/** As OpenAI sends them; the last but one tells the usage where it was asked for. */
export function eventsAnswer(count: number, includeUsage: boolean): Buffer[] {
  const event = (choices: unknown[], more: object = {}) =>
    Buffer.from(
      `data: ${JSON.stringify({ ...shared, object: 'chat.completion.chunk', service_tier: 'default', system_fingerprint: 'fp_bench', choices, ...more, obfuscation: 'a1b2c3d4' })}\n\n`,
    )
  const none = includeUsage ? { usage: null } : {}
  const word = event([{ index: 0, delta: { content: ' fox' }, logprobs: null, finish_reason: null }], none)
  const last = event([{ index: 0, delta: {}, logprobs: null, finish_reason: 'stop' }], none)
  const told = includeUsage ? [event([], { usage })] : []
  const done = Buffer.from('data: [DONE]\n\n')
  const words = Array<Buffer>(Math.max(0, count - 2 - told.length)).fill(word)
  return [...words, last, ...told, done]
}

/** A chat request of about so many bytes. */
export function requestBody(bytes: number, streamed: boolean): string {
  const make = (content: string) =>
    JSON.stringify({
      model: 'gpt-4o-mini',
      max_completion_tokens: 400,
      ...(streamed ? { stream: true } : {}),
      messages: [
        { role: 'system', content: 'You are a helpful assistant.' },
        { role: 'user', content },
      ],
    })
  const missing = Math.max(0, bytes - make('').length)
  return make(text.repeat(Math.ceil(missing / text.length)).slice(0, missing))
}
