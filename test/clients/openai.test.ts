// OpenAI's own client, its chat completions and its responses.
import OpenAI from 'openai'
import { clientSuite, fieldOfError, soundFile, type ClientUnderTest, type StockClient } from './client-suite.ts'

const messages = [{ role: 'user' as const, content: 'Hi' }]
const parameters = { type: 'object', properties: { city: { type: 'string' } } }
const optionsOf = (signal?: AbortSignal) => (signal ? { signal } : {})

const shared = {
  bases: ['/v1/forward?u=https://api.openai.com/v1', '/v1/providers/openai', '/v1/providers/openai/v1'],
  ownBase: '/v1',
  provider: 'openai',
  model: 'gpt-4o',
  can: ['embed', 'transcribe', 'models', 'files', 'upload', 'retry'],
} as const satisfies Partial<ClientUnderTest>

function clientOf(baseURL: string, apiKey: string, fetch?: typeof globalThis.fetch): OpenAI {
  return new OpenAI({ baseURL, apiKey, ...(fetch ? { fetch } : {}) })
}

function besideChats(openai: OpenAI) {
  return {
    async embed() {
      const { data } = await openai.embeddings.create({ model: 'text-embedding-3-small', input: 'Hi' })
      return data[0]?.embedding
    },
    async transcribe() {
      return (await openai.audio.transcriptions.create({ model: 'whisper-1', file: soundFile() })).text
    },
    models: async () => (await openai.models.list()).data[0]?.id,
    files: async () => (await openai.files.list()).data[0]?.id,
    upload: async () => (await openai.files.create({ file: soundFile(), purpose: 'user_data' })).id,
    statusOf: (error) => fieldOfError(error, 'status'),
  } satisfies Partial<StockClient>
}

clientSuite('openai, chat', {
  ...shared,
  endpoint: 'POST https://api.openai.com/v1/chat/completions',
  make(...given) {
    const openai = clientOf(...given)
    const tools = [{ type: 'function' as const, function: { name: 'weather', parameters } }]
    const callOf = (call: OpenAI.ChatCompletionMessageToolCall | undefined) => {
      if (call?.type !== 'function') throw new Error('no tool is called')
      return { name: call.function.name, input: JSON.parse(call.function.arguments) as unknown }
    }
    return {
      ...besideChats(openai),
      async plain(signal) {
        const { choices } = await openai.chat.completions.create({ model: 'gpt-4o', messages }, optionsOf(signal))
        return choices[0]?.message.content
      },
      async stream(signal, seen) {
        let text = ''
        const asked = { model: 'gpt-4o', messages, stream: true as const }
        for await (const { choices } of await openai.chat.completions.create(asked, optionsOf(signal))) {
          const content = choices[0]?.delta.content ?? ''
          text += content
          if (content !== '') seen?.()
        }
        return text
      },
      async tool() {
        const { choices } = await openai.chat.completions.create({ model: 'gpt-4o', messages, tools })
        return callOf(choices[0]?.message.tool_calls?.[0])
      },
      async streamTool() {
        const { choices } = await openai.chat.completions
          .stream({ model: 'gpt-4o', messages, tools })
          .finalChatCompletion()
        return callOf(choices[0]?.message.tool_calls?.[0])
      },
    }
  },
})

clientSuite('openai, responses', {
  ...shared,
  endpoint: 'POST https://api.openai.com/v1/responses',
  make(...given) {
    const openai = clientOf(...given)
    const tools = [{ type: 'function' as const, name: 'weather', parameters, strict: null }]
    const callOf = ([call]: readonly OpenAI.Responses.ResponseOutputItem[]) => {
      if (call?.type !== 'function_call') throw new Error('no tool is called')
      return { name: call.name, input: JSON.parse(call.arguments) as unknown }
    }
    return {
      ...besideChats(openai),
      async plain(signal) {
        return (await openai.responses.create({ model: 'gpt-4o', input: 'Hi' }, optionsOf(signal))).output_text
      },
      async stream(signal, seen) {
        let text = ''
        const asked = { model: 'gpt-4o', input: 'Hi', stream: true as const }
        for await (const event of await openai.responses.create(asked, optionsOf(signal)))
          if (event.type === 'response.output_text.delta') {
            text += event.delta
            seen?.()
          }
        return text
      },
      tool: async () => callOf((await openai.responses.create({ model: 'gpt-4o', input: 'Hi', tools })).output),
      async streamTool() {
        const stream = openai.responses.stream({ model: 'gpt-4o', input: 'Hi', tools })
        return callOf((await stream.finalResponse()).output)
      },
    }
  },
})
