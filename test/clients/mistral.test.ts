// Mistral's own client: it drops the query of its base address, so the path form it is.
import { HTTPClient, Mistral } from '@mistralai/mistralai'
import { clientSuite, fieldOfError, soundFile } from './client-suite.ts'

const asked = { model: 'mistral-large-latest', messages: [{ role: 'user' as const, content: 'Hi' }] }
const tools = [{ type: 'function' as const, function: { name: 'weather', parameters: {} } }]
const optionsOf = (signal?: AbortSignal) => (signal ? { fetchOptions: { signal } } : {})

interface Called {
  function: { name: string; arguments: unknown }
}

clientSuite('@mistralai/mistralai', {
  bases: ['/v1/providers/mistral'],
  ownBase: '',
  provider: 'mistral',
  endpoint: 'POST https://api.mistral.ai/v1/chat/completions',
  model: 'mistral-large-latest',
  can: ['embed', 'transcribe', 'models', 'files', 'upload'],
  make(serverURL, apiKey, fetch) {
    const mistral = new Mistral({
      serverURL,
      apiKey,
      ...(fetch ? { httpClient: new HTTPClient({ fetcher: fetch }) } : {}),
    })
    return {
      async plain(signal) {
        const { choices } = await mistral.chat.complete(asked, optionsOf(signal))
        return textOf(choices[0]?.message?.content)
      },
      async stream(signal, seen) {
        let text = ''
        for await (const { data } of await mistral.chat.stream(asked, optionsOf(signal))) {
          const content = textOf(data.choices[0]?.delta.content)
          text += content
          if (content !== '') seen?.()
        }
        return text
      },
      async tool() {
        const { choices } = await mistral.chat.complete({ ...asked, tools })
        return callOf(choices[0]?.message?.toolCalls?.[0])
      },
      async streamTool() {
        for await (const { data } of await mistral.chat.stream({ ...asked, tools })) {
          const call = data.choices[0]?.delta.toolCalls?.[0]
          if (call) return callOf(call)
        }
        throw new Error('no tool is called')
      },
      async embed() {
        return (await mistral.embeddings.create({ model: 'mistral-embed', inputs: ['Hi'] })).data[0]?.embedding
      },
      async transcribe() {
        return (await mistral.audio.transcriptions.complete({ model: 'voxtral-mini-latest', file: soundFile() })).text
      },
      async models() {
        const [model] = (await mistral.models.list()).data ?? []
        return model && 'id' in model && typeof model.id === 'string' ? model.id : undefined
      },
      files: async () => (await mistral.files.list()).data[0]?.id,
      upload: async () => (await mistral.files.upload({ file: soundFile() })).id,
      statusOf: (error) => fieldOfError(error, 'statusCode'),
    }
  },
})

function callOf(call: Called | undefined) {
  const given = call?.function.arguments
  return { name: call?.function.name ?? '', input: typeof given === 'string' ? (JSON.parse(given) as unknown) : given }
}

function textOf(content: unknown): string {
  return typeof content === 'string' ? content : ''
}
