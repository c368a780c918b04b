// OpenAI's own client, its chat completions and its responses.
import OpenAI from 'openai'
import { clientSuite, fieldOfError, soundFile, type StockClient } from './client-suite.ts'

const bases = ['/v1/forward?u=https://api.openai.com/v1', '/v1/providers/openai', '/v1/providers/openai/v1']
const messages = [{ role: 'user' as const, content: 'Hi' }]
const parameters = { type: 'object', properties: { city: { type: 'string' } } }

function shared(openai: OpenAI): Pick<StockClient, 'embed' | 'transcribe' | 'statusOf'> {
  return {
    async embed() {
      const { data } = await openai.embeddings.create({ model: 'text-embedding-3-small', input: 'Hi' })
      return data[0]?.embedding
    },
    async transcribe() {
      return (await openai.audio.transcriptions.create({ model: 'whisper-1', file: soundFile() })).text
    },
    statusOf: (error) => fieldOfError(error, 'status'),
  }
}

clientSuite('openai, chat', {
  bases,
  endpoint: 'POST https://api.openai.com/v1/chat/completions',
  model: 'gpt-4o',
  can: ['embed', 'transcribe'],
  make(baseURL, apiKey) {
    const openai = new OpenAI({ baseURL, apiKey })
    return {
      ...shared(openai),
      async plain(signal) {
        const options = signal ? { signal } : {}
        const { choices } = await openai.chat.completions.create({ model: 'gpt-4o', messages }, options)
        return choices[0]?.message.content
      },
      async stream() {
        let text = ''
        const stream = await openai.chat.completions.create({ model: 'gpt-4o', messages, stream: true })
        for await (const { choices } of stream) text += choices[0]?.delta.content ?? ''
        return text
      },
      async tool() {
        const tools = [{ type: 'function' as const, function: { name: 'weather', parameters } }]
        const { choices } = await openai.chat.completions.create({ model: 'gpt-4o', messages, tools })
        const [call] = choices[0]?.message.tool_calls ?? []
        if (call?.type !== 'function') throw new Error('no tool is called')
        return { name: call.function.name, input: JSON.parse(call.function.arguments) }
      },
    }
  },
})

clientSuite('openai, responses', {
  bases,
  endpoint: 'POST https://api.openai.com/v1/responses',
  model: 'gpt-4o',
  can: ['embed', 'transcribe'],
  make(baseURL, apiKey) {
    const openai = new OpenAI({ baseURL, apiKey })
    return {
      ...shared(openai),
      async plain(signal) {
        const options = signal ? { signal } : {}
        return (await openai.responses.create({ model: 'gpt-4o', input: 'Hi' }, options)).output_text
      },
      async stream() {
        let text = ''
        const stream = await openai.responses.create({ model: 'gpt-4o', input: 'Hi', stream: true })
        for await (const event of stream) if (event.type === 'response.output_text.delta') text += event.delta
        return text
      },
      async tool() {
        const tools = [{ type: 'function' as const, name: 'weather', parameters, strict: null }]
        const { output } = await openai.responses.create({ model: 'gpt-4o', input: 'Hi', tools })
        const [call] = output
        if (call?.type !== 'function_call') throw new Error('no tool is called')
        return { name: call.name, input: JSON.parse(call.arguments) }
      },
    }
  },
})
