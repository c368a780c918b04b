// Google's own client.
import { GoogleGenAI, type GenerateContentResponse } from '@google/genai'
import { expect, test } from 'vitest'
import { runningApp } from '../support/running-app.ts'
import { clientSuite, fieldOfError, soundFile } from './client-suite.ts'

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

// Through the gateway it can't: the client puts the base URL's host, without its path, into the address that it is told.
test('@google/genai at lava.fetch uploads a file for nothing', async () => {
  const running = await runningApp()
  try {
    const fetch = running.lava.fetch({ customer_id: 'ada', meter_slug: 'chat' })
    const google = new GoogleGenAI({ apiKey: 'clients-own-key', httpOptions: { baseUrl: running.provider.url, fetch } })
    const answer = (headers: Record<string, string>) => ({
      raw: { status: 200, headers, chunks: [Buffer.from('{"file":{"name":"files/kept-1"}}')] },
    })
    running.provider.next(answer({ 'x-goog-upload-url': `${running.provider.url}/upload/v1beta/files?upload_id=u` }))
    running.provider.next(answer({ 'x-goog-upload-status': 'final' }))
    const { name } = await google.files.upload({ file: soundFile(), config: { mimeType: 'audio/wav' } })
    expect(name).toBe('files/kept-1')
    const paths = running.provider.calls.map(({ path }) => path)
    expect(paths).toEqual(['/upload/v1beta/files', '/upload/v1beta/files?upload_id=u'])
    expect(running.provider.calls[1]?.body.includes('RIFF')).toBe(true)
    const records = await running.recordsDone(2)
    expect(records.map(({ charge }) => charge?.amount ?? '0.0000000000')).toEqual(['0.0000000000', '0.0000000000'])
  } finally {
    await running.close()
  }
})
