// Mock answers of Anthropic's messages and Gemini's generateContent, as those providers shape them.
import { modelOf, sse, type Asked, type MockAnswer, type Used } from './mock-shape.ts'

export function messagesAnswer(asked: Asked, used: Used): MockAnswer {
  const input = {
    input_tokens: used.input - used.cached,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: used.cached,
  }
  const message = { id: `msg_mock${asked.number}`, type: 'message', role: 'assistant', model: modelOf(asked) }
  const ended = { stop_reason: used.tool ? 'tool_use' : 'end_turn', stop_sequence: null }
  const told = (output_tokens: number) => (used.omitted ? {} : { usage: { ...input, output_tokens } })
  const toolUse = { type: 'tool_use', id: `toolu_mock${asked.number}`, name: used.tool?.name, input: {} }
  const deltas = used.tool
    ? [{ type: 'input_json_delta', partial_json: JSON.stringify(used.tool.input) }]
    : used.pieces.map((text) => ({ type: 'text_delta', text }))
  if (asked.body.stream !== true) {
    const content = [used.tool ? { ...toolUse, input: used.tool.input } : { type: 'text', text: used.pieces.join('') }]
    return { kind: 'json', body: { ...message, content, ...ended, ...told(used.output) } }
  }
  const events = [
    // The output count of the first event is a placeholder, as the provider's is.
    { type: 'message_start', message: { ...message, content: [], stop_reason: null, stop_sequence: null, ...told(1) } },
    { type: 'content_block_start', index: 0, content_block: used.tool ? toolUse : { type: 'text', text: '' } },
    { type: 'ping' },
    ...deltas.map((delta) => ({ type: 'content_block_delta', index: 0, delta })),
    { type: 'content_block_stop', index: 0 },
    { type: 'message_delta', delta: ended, ...told(used.output) },
    { type: 'message_stop' },
  ]
  return sse(events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`))
}

export function geminiAnswer(asked: Asked, used: Used, model: string, streamed: boolean): MockAnswer {
  // Thoughts are counted beside the candidates here, not within them.
  const candidatesTokens = Math.max(0, used.output - used.reasoning)
  const usageOf = (candidatesTokenCount: number) => ({
    promptTokenCount: used.input,
    candidatesTokenCount,
    totalTokenCount: used.input + candidatesTokenCount + used.reasoning,
    ...(used.cached > 0 ? { cachedContentTokenCount: used.cached } : {}),
    ...(used.reasoning > 0 ? { thoughtsTokenCount: used.reasoning } : {}),
  })
  const call = { functionCall: { name: used.tool?.name, args: used.tool?.input } }
  const part = (text: string, share: number, last: boolean) => ({
    candidates: [
      {
        content: { parts: [used.tool ? call : { text }], role: 'model' },
        index: 0,
        ...(last ? { finishReason: 'STOP' } : {}),
      },
    ],
    ...(used.omitted ? {} : { usageMetadata: usageOf(Math.round(candidatesTokens * share)) }),
    modelVersion: model,
    responseId: `mock${asked.number}`,
  })
  if (!streamed) return { kind: 'json', body: part(used.pieces.join(''), 1, true) }
  const pieces = used.tool ? [''] : used.pieces
  const count = pieces.length
  const parts = pieces.map((text, index) => JSON.stringify(part(text, (index + 1) / count, index === count - 1)))
  if (asked.search.get('alt') === 'sse') return sse(parts.map((text) => `data: ${text}\r\n\r\n`))
  const events = parts.map(
    (text, index) => `${index === 0 ? '[' : ',\r\n'}${text}${index === count - 1 ? '\n]\n' : '\n'}`,
  )
  return { kind: 'events', contentType: 'application/json; charset=UTF-8', events }
}
