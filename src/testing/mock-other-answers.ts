// Mock answers beside the chats: Cohere's API, embeddings, transcriptions.
import { modelOf, sse, type Asked, type MockAnswer, type Used } from './mock-shape.ts'

const vector = [0.25, -0.5, 0.125]

/** Cohere v2: chat, its stream, and embed. */
export function cohereAnswer(asked: Asked, used: Used): MockAnswer {
  const id = `mock${asked.number}`
  const billed = (units: object) => ({ billed_units: units, tokens: units })
  if (asked.path.endsWith('/embed')) {
    const embeddings = { float: textsOf(asked.body.texts).map(() => vector) }
    const meta = used.omitted
      ? {}
      : { meta: { api_version: { version: '2' }, ...billed({ input_tokens: used.input }) } }
    return { kind: 'json', body: { id, response_type: 'embeddings_by_type', embeddings, ...meta } }
  }
  const told = used.omitted ? {} : { usage: billed({ input_tokens: used.input, output_tokens: used.output }) }
  const finish_reason = used.tool ? 'TOOL_CALL' : 'COMPLETE'
  const call = {
    id: `call_mock${asked.number}`,
    type: 'function',
    function: { name: used.tool?.name, arguments: JSON.stringify(used.tool?.input) },
  }
  if (asked.body.stream !== true) {
    const said = used.tool ? { tool_calls: [call] } : { content: [{ type: 'text', text: used.pieces.join('') }] }
    return { kind: 'json', body: { id, finish_reason, message: { role: 'assistant', ...said }, ...told } }
  }
  const text = (piece: string) => ({ message: { content: { type: 'text', text: piece } } })
  const events = [
    { type: 'message-start', id, delta: { message: { role: 'assistant' } } },
    ...(used.tool
      ? [
          { type: 'tool-call-start', index: 0, delta: { message: { tool_calls: call } } },
          { type: 'tool-call-end', index: 0 },
        ]
      : [
          { type: 'content-start', index: 0, delta: text('') },
          ...used.pieces.map((piece) => ({ type: 'content-delta', index: 0, delta: text(piece) })),
          { type: 'content-end', index: 0 },
        ]),
    { type: 'message-end', delta: { finish_reason, ...told } },
  ]
  return sse(events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`))
}

/** OpenAI's format, which Mistral and others took over. OpenAI's client asks for base64 by itself. */
export function embeddingsAnswer(asked: Asked, used: Used): MockAnswer {
  const packed = Buffer.from(Float32Array.from(vector).buffer).toString('base64')
  const embedding = asked.body.encoding_format === 'base64' ? packed : vector
  const data = textsOf(asked.body.input).map((_, index) => ({ object: 'embedding', index, embedding }))
  const usage = { prompt_tokens: used.input, total_tokens: used.input }
  const body = { id: `mock${asked.number}`, object: 'list', data, model: modelOf(asked) }
  return { kind: 'json', body: { ...body, ...(used.omitted ? {} : { usage }) } }
}

export function geminiEmbeddingsAnswer(asked: Asked, used: Used): MockAnswer {
  const one = { values: vector }
  const told = used.omitted ? {} : { usageMetadata: { promptTokenCount: used.input } }
  if (asked.path.endsWith(':embedContent')) return { kind: 'json', body: { embedding: one, ...told } }
  return { kind: 'json', body: { embeddings: textsOf(asked.body.requests).map(() => one), ...told } }
}

/** As whisper-1 tells its seconds, with what Mistral says besides. */
export function transcriptionAnswer(asked: Asked, used: Used): MockAnswer {
  const usage = { type: 'duration', seconds: used.input, prompt_audio_seconds: used.input }
  const body = { text: used.pieces.join(''), model: modelOf(asked), language: null, segments: [] }
  return { kind: 'json', body: { ...body, ...(used.omitted ? {} : { usage }) } }
}

function textsOf(input: unknown): readonly unknown[] {
  return Array.isArray(input) ? input : [input]
}
