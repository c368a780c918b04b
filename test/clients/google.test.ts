// Google's own client.
import { GoogleGenAI, type GenerateContentResponse } from '@google/genai'
import { clientSuite, fieldOfError } from './client-suite.ts'

const asked = { model: 'gemini-2.5-flash', contents: 'Hi' }
const withTools = { ...asked, config: { tools: [{ functionDeclarations: [{ name: 'weather' }] }] } }
const askedWith = (abortSignal?: AbortSignal) => ({ ...asked, ...(abortSignal ? { config: { abortSignal } } : {}) })

clientSuite('@google/genai', {
  bases: ['/v1/forward?u=https://generativelanguage.googleapis.com', '/v1/providers/google'],
  ownBase: '',
  provider: 'google',
  endpoint: 'POST https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent',
  model: 'gemini-2.5-flash',
  can: ['embed', 'models', 'files'],
  make(baseUrl, apiKey, fetch) {
    const google = new GoogleGenAI({ apiKey, httpOptions: { baseUrl, ...(fetch ? { fetch } : {}) } })
    const callOf = ({ functionCalls: [call] = [] }: GenerateContentResponse) => ({
      name: call?.name ?? '',
      input: call?.args,
    })
    return {
      plain: async (signal) => (await google.models.generateContent(askedWith(signal))).text,
      async stream(signal, seen) {
        let text = ''
        for await (const chunk of await google.models.generateContentStream(askedWith(signal))) {
          text += chunk.text ?? ''
          seen?.()
        }
        return text
      },
      tool: async () => callOf(await google.models.generateContent(withTools)),
      async streamTool() {
        for await (const chunk of await google.models.generateContentStream(withTools))
          if (chunk.functionCalls) return callOf(chunk)
        throw new Error('no tool is called')
      },
      async embed() {
        const { embeddings } = await google.models.embedContent({ model: 'gemini-embedding-001', contents: 'Hi' })
        return embeddings?.[0]?.values
      },
      models: async () => (await google.models.list()).page[0]?.name,
      files: async () => (await google.files.list()).page[0]?.name,
      statusOf: (error) => fieldOfError(error, 'status'),
    }
  },
})
