// Google's own client.
import { GoogleGenAI } from '@google/genai'
import { clientSuite, fieldOfError } from './client-suite.ts'

const asked = { model: 'gemini-2.5-flash', contents: 'Hi' }

clientSuite('@google/genai', {
  bases: ['/v1/forward?u=https://generativelanguage.googleapis.com', '/v1/providers/google'],
  endpoint: 'POST https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent',
  model: 'gemini-2.5-flash',
  can: ['embed'],
  make(baseUrl, apiKey) {
    const google = new GoogleGenAI({ apiKey, httpOptions: { baseUrl } })
    return {
      async plain(signal) {
        return (
          await google.models.generateContent({ ...asked, ...(signal ? { config: { abortSignal: signal } } : {}) })
        ).text
      },
      async stream() {
        let text = ''
        for await (const chunk of await google.models.generateContentStream(asked)) text += chunk.text ?? ''
        return text
      },
      async tool() {
        const config = { tools: [{ functionDeclarations: [{ name: 'weather' }] }] }
        const [call] = (await google.models.generateContent({ ...asked, config })).functionCalls ?? []
        return { name: call?.name ?? '', input: call?.args }
      },
      async embed() {
        const { embeddings } = await google.models.embedContent({ model: 'gemini-embedding-001', contents: 'Hi' })
        return embeddings?.[0]?.values
      },
      statusOf: (error) => fieldOfError(error, 'status'),
    }
  },
})
