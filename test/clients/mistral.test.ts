// Mistral's own client: it drops the query of its base address, so the path form it is.
import { Mistral } from '@mistralai/mistralai'
import { clientSuite, fieldOfError, soundFile } from './client-suite.ts'

const asked = { model: 'mistral-large-latest', messages: [{ role: 'user' as const, content: 'Hi' }] }

clientSuite('@mistralai/mistralai', {
  bases: ['/v1/providers/mistral'],
  endpoint: 'POST https://api.mistral.ai/v1/chat/completions',
  model: 'mistral-large-latest',
  can: ['embed', 'transcribe'],
  make(serverURL, apiKey) {
    const mistral = new Mistral({ serverURL, apiKey })
    return {
      async plain(signal) {
        const { choices } = await mistral.chat.complete(asked, signal ? { fetchOptions: { signal } } : {})
        return textOf(choices[0]?.message?.content)
      },
      async stream() {
        let text = ''
        for await (const { data } of await mistral.chat.stream(asked)) text += textOf(data.choices[0]?.delta.content)
        return text
      },
      async tool() {
        const tools = [{ type: 'function' as const, function: { name: 'weather', parameters: {} } }]
        const { choices } = await mistral.chat.complete({ ...asked, tools })
        const [call] = choices[0]?.message?.toolCalls ?? []
        const given = call?.function.arguments
        return { name: call?.function.name ?? '', input: typeof given === 'string' ? JSON.parse(given) : given }
      },
      async embed() {
        return (await mistral.embeddings.create({ model: 'mistral-embed', inputs: ['Hi'] })).data[0]?.embedding
      },
      async transcribe() {
        return (await mistral.audio.transcriptions.complete({ model: 'voxtral-mini-latest', file: soundFile() })).text
      },
      statusOf: (error) => fieldOfError(error, 'statusCode'),
    }
  },
})

function textOf(content: unknown): string {
  return typeof content === 'string' ? content : ''
}
