// Mock answers: which provider's body or events a path is answered with, and OpenAI's own.
import type { Behaviour } from './mock-behaviour.ts'
import { geminiAnswer, messagesAnswer } from './mock-other-chats.ts'
import { cohereAnswer, embeddingsAnswer, geminiEmbeddingsAnswer, transcriptionAnswer } from './mock-other-answers.ts'
import { modelOf, sse, usedBy, type Asked, type MockAnswer, type Used } from './mock-shape.ts'

export type { MockAnswer } from './mock-shape.ts'

/** Any base path may stand in front: only the end of the path is looked at. */
export function answerTo(asked: Asked, behaviour: Behaviour): MockAnswer {
  const gemini = /\/models\/([^/:]+):(generateContent|streamGenerateContent|embedContent|batchEmbedContents)$/.exec(
    asked.path,
  )
  const family = gemini ? 'gemini' : asked.path.endsWith('/messages') ? 'anthropic' : 'openai'
  if (behaviour.status !== undefined) return errorOf(family, behaviour.status, 'the mock provider was told to fail')
  const used = usedBy(asked, behaviour)
  if (gemini?.[2]?.endsWith('mbedContents') || gemini?.[2] === 'embedContent')
    return geminiEmbeddingsAnswer(asked, used)
  if (gemini)
    return geminiAnswer(asked, used, decodeURIComponent(gemini[1] ?? ''), gemini[2] === 'streamGenerateContent')
  if (asked.path.endsWith('/chat/completions')) return chatAnswer(asked, used)
  if (asked.path.endsWith('/responses')) return responsesAnswer(asked, used)
  if (asked.path.endsWith('/messages')) return messagesAnswer(asked, used)
  if (/\/v2\/(?:chat|embed)$/.test(asked.path)) return cohereAnswer(asked, used)
  if (asked.path.endsWith('/embeddings')) return embeddingsAnswer(asked, used)
  if (asked.path.endsWith('/audio/transcriptions')) return transcriptionAnswer(asked, used)
  return errorOf('openai', 404, `Unknown request URL: ${asked.path}`)
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
  const calls = used.tool && [toolCall(asked, used.tool)]
  const finish_reason = calls ? 'tool_calls' : 'stop'
  if (asked.body.stream !== true) {
    const said = calls ? { content: null, tool_calls: calls } : { content: used.pieces.join('') }
    const message = { role: 'assistant', ...said, refusal: null }
    const choices = [{ index: 0, message, logprobs: null, finish_reason }]
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
    ...(calls
      ? [delta({ tool_calls: calls.map((call) => ({ index: 0, ...call })) })]
      : used.pieces.map((content) => delta({ content }))),
    { ...delta({}, finish_reason), ...(tellsUnasked(asked) ? told : {}) },
    ...(asksUsage && !used.omitted ? [chunk([], { usage })] : []),
  ]
  return sse([...chunks.map((data) => `data: ${JSON.stringify(data)}\n\n`), 'data: [DONE]\n\n'])
}

/** Mistral's streams tell their usage in their last chunk, and refuse to be asked for it. */
function tellsUnasked(asked: Asked): boolean {
  return modelOf(asked).startsWith('mistral')
}

function toolCall({ number }: Asked, { name, input }: NonNullable<Behaviour['tool']>) {
  return { id: `call_mock${number}`, type: 'function', function: { name, arguments: JSON.stringify(input) } }
}

function responsesAnswer(asked: Asked, used: Used): MockAnswer {
  const usage = {
    input_tokens: used.input,
    input_tokens_details: { cached_tokens: used.cached },
    output_tokens: used.output,
    output_tokens_details: { reasoning_tokens: used.reasoning },
    total_tokens: used.input + used.output,
  }
  const id = `${used.tool ? 'fc' : 'msg'}_mock${asked.number}`
  const item = (status: string, text: string) =>
    used.tool
      ? {
          id,
          type: 'function_call',
          status,
          call_id: `call_mock${asked.number}`,
          name: used.tool.name,
          arguments: status === 'completed' ? JSON.stringify(used.tool.input) : '',
        }
      : {
          id,
          type: 'message',
          status,
          role: 'assistant',
          content: status === 'completed' ? [{ type: 'output_text', text, annotations: [] }] : [],
        }
  const response = (status: string, output: unknown[], told: object | null) => ({
    id: `resp_mock${asked.number}`,
    object: 'response',
    created_at: asked.createdAtS,
    status,
    model: modelOf(asked),
    output,
    usage: told,
  })
  const done = response('completed', [item('completed', used.pieces.join(''))], used.omitted ? null : usage)
  if (asked.body.stream !== true) return { kind: 'json', body: done }
  const begun = response('in_progress', [], null)
  const events = [
    { type: 'response.created', response: begun },
    { type: 'response.in_progress', response: begun },
    { type: 'response.output_item.added', output_index: 0, item: item('in_progress', '') },
    ...(used.tool ? [JSON.stringify(used.tool.input)] : used.pieces).map((delta) => ({
      type: used.tool ? 'response.function_call_arguments.delta' : 'response.output_text.delta',
      item_id: id,
      output_index: 0,
      content_index: 0,
      delta,
    })),
    { type: 'response.output_item.done', output_index: 0, item: item('completed', used.pieces.join('')) },
    { type: 'response.completed', response: done },
  ]
  return sse(
    events.map(
      (event, sequence_number) => `event: ${event.type}\ndata: ${JSON.stringify({ ...event, sequence_number })}\n\n`,
    ),
  )
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
