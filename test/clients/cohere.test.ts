// Cohere's own client: it appends to the path of its base address, so the path form it is.
import { CohereClientV2 } from 'cohere-ai'
import { clientSuite, fieldOfError } from './client-suite.ts'

const asked = { model: 'command-a-03-2025', messages: [{ role: 'user' as const, content: 'Hi' }] }

clientSuite('cohere-ai', {
  bases: ['/v1/providers/cohereNative'],
  endpoint: 'POST https://api.cohere.com/v2/chat',
  model: 'command-a-03-2025',
  can: ['embed'],
  make(baseUrl, token) {
    const cohere = new CohereClientV2({ baseUrl, token })
    return {
      async plain(signal) {
        const { message } = await cohere.chat(asked, signal ? { abortSignal: signal } : {})
        return message.content?.[0]?.type === 'text' ? message.content[0].text : null
      },
      async stream() {
        let text = ''
        for await (const event of await cohere.chatStream(asked))
          if (event.type === 'content-delta') text += event.delta?.message?.content?.text ?? ''
        return text
      },
      async tool() {
        const tools = [{ type: 'function' as const, function: { name: 'weather', parameters: {} } }]
        const [call] = (await cohere.chat({ ...asked, tools })).message.toolCalls ?? []
        return { name: call?.function?.name ?? '', input: JSON.parse(call?.function?.arguments ?? 'null') }
      },
      async embed() {
        const { embeddings } = await cohere.embed({
          model: 'embed-v4.0',
          inputType: 'search_query',
          embeddingTypes: ['float'],
          texts: ['Hi'],
        })
        return embeddings.float?.[0]
      },
      statusOf: (error) => fieldOfError(error, 'statusCode'),
    }
  },
})
