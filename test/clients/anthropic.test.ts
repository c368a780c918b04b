// Anthropic's own client.
import Anthropic from '@anthropic-ai/sdk'
import { clientSuite, fieldOfError, soundFile } from './client-suite.ts'

const asked = { model: 'claude-sonnet-4-6', max_tokens: 50, messages: [{ role: 'user' as const, content: 'Hi' }] }
const tools = [{ name: 'weather', input_schema: { type: 'object' as const } }]
const optionsOf = (signal?: AbortSignal) => (signal ? { signal } : {})

clientSuite('@anthropic-ai/sdk', {
  bases: ['/v1/forward?u=https://api.anthropic.com', '/v1/providers/anthropic'],
  ownBase: '',
  provider: 'anthropic',
  endpoint: 'POST https://api.anthropic.com/v1/messages',
  model: 'claude-sonnet-4-6',
  can: ['models', 'files', 'upload', 'retry'],
  make(baseURL, apiKey, fetch) {
    const anthropic = new Anthropic({ baseURL, apiKey, ...(fetch ? { fetch } : {}) })
    const callOf = ({ content: [call] }: Anthropic.Message) => {
      if (call?.type !== 'tool_use') throw new Error('no tool is called')
      return { name: call.name, input: call.input }
    }
    return {
      async plain(signal) {
        const { content } = await anthropic.messages.create(asked, optionsOf(signal))
        return content[0]?.type === 'text' ? content[0].text : null
      },
      stream(signal, seen) {
        const stream = anthropic.messages.stream(asked, optionsOf(signal))
        if (seen) stream.on('text', () => seen())
        return stream.finalText()
      },
      tool: async () => callOf(await anthropic.messages.create({ ...asked, tools })),
      streamTool: async () => callOf(await anthropic.messages.stream({ ...asked, tools }).finalMessage()),
      models: async () => (await anthropic.models.list()).data[0]?.id,
      files: async () => (await anthropic.beta.files.list()).data[0]?.id,
      upload: async () => (await anthropic.beta.files.upload({ file: soundFile() })).id,
      statusOf: (error) => fieldOfError(error, 'status'),
    }
  },
})
