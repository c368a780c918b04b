// Anthropic's own client.
import Anthropic from '@anthropic-ai/sdk'
import { clientSuite, fieldOfError } from './client-suite.ts'

const asked = { model: 'claude-sonnet-4-6', max_tokens: 50, messages: [{ role: 'user' as const, content: 'Hi' }] }

clientSuite('@anthropic-ai/sdk', {
  bases: ['/v1/forward?u=https://api.anthropic.com', '/v1/providers/anthropic'],
  endpoint: 'POST https://api.anthropic.com/v1/messages',
  model: 'claude-sonnet-4-6',
  can: [],
  make(baseURL, apiKey) {
    const anthropic = new Anthropic({ baseURL, apiKey })
    return {
      async plain(signal) {
        const { content } = await anthropic.messages.create(asked, signal ? { signal } : {})
        return content[0]?.type === 'text' ? content[0].text : null
      },
      stream: () => anthropic.messages.stream(asked).finalText(),
      async tool() {
        const tools = [{ name: 'weather', input_schema: { type: 'object' as const } }]
        const { content } = await anthropic.messages.stream({ ...asked, tools }).finalMessage()
        const [call] = content
        if (call?.type !== 'tool_use') throw new Error('no tool is called')
        return { name: call.name, input: call.input }
      },
      statusOf: (error) => fieldOfError(error, 'status'),
    }
  },
})
