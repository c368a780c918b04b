// Cohere's own client: it appends to the path of its base address, so the path form it is.
import { CohereClientV2 } from 'cohere-ai'
import { clientSuite, fieldOfError } from './client-suite.ts'

const asked = { model: 'command-a-03-2025', messages: [{ role: 'user' as const, content: 'Hi' }] }
const tools = [{ type: 'function' as const, function: { name: 'weather', parameters: {} } }]
const optionsOf = (abortSignal?: AbortSignal) => (abortSignal ? { abortSignal } : {})

interface Called {
  function?: { name?: string | undefined; arguments?: string | undefined } | undefined
}

clientSuite('cohere-ai', {
  bases: ['/v1/providers/cohereNative'],
  ownBase: '',
  provider: 'cohereNative',
  endpoint: 'POST https://api.cohere.com/v2/chat',
  model: 'command-a-03-2025',
  can: ['embed', 'models', 'retry'],
  make(baseUrl, token, fetch) {
    const cohere = new CohereClientV2({ baseUrl, token, ...(fetch ? { fetch } : {}) })
    return {
      async plain(signal) {
        const { message } = await cohere.chat(asked, optionsOf(signal))
        return message.content?.[0]?.type === 'text' ? message.content[0].text : null
      },
      async stream(signal, seen) {
        let text = ''
        for await (const event of await cohere.chatStream(asked, optionsOf(signal)))
          if (event.type === 'content-delta') {
            text += event.delta?.message?.content?.text ?? ''
            seen?.()
          }
        return text
      },
      tool: async () => callOf((await cohere.chat({ ...asked, tools })).message.toolCalls?.[0]),
      async streamTool() {
        for await (const event of await cohere.chatStream({ ...asked, tools }))
          if (event.type === 'tool-call-start') return callOf(event.delta?.message?.toolCalls)
        throw new Error('no tool is called')
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
      models: async () => (await cohere.models.list()).models[0]?.name,
      statusOf: (error) => fieldOfError(error, 'statusCode'),
    }
  },
})

function callOf(call: Called | undefined) {
  const input: unknown = JSON.parse(call?.function?.arguments ?? 'null')
  return { name: call?.function?.name ?? '', input }
}
