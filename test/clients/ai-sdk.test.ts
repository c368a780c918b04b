// The AI SDK with its OpenAI, Anthropic and Google providers.
import { createAnthropic } from '@ai-sdk/anthropic'
import { createGoogleGenerativeAI } from '@ai-sdk/google'
import { createOpenAI } from '@ai-sdk/openai'
import {
  embed,
  experimental_transcribe as transcribe,
  generateText,
  streamText,
  tool,
  type EmbeddingModel,
  type LanguageModel,
} from 'ai'
import { z } from 'zod'
import { clientSuite, fieldOfError, soundFile, type StockClient } from './client-suite.ts'

const tools = {
  weather: tool({ inputSchema: z.object({ city: z.string() }), execute: ({ city }) => `sunny in ${city}` }),
}

function client(model: LanguageModel, embedder?: EmbeddingModel): StockClient {
  return {
    async plain(signal) {
      const asked = { model, prompt: 'Hi', maxRetries: 0, ...(signal ? { abortSignal: signal } : {}) }
      return (await generateText(asked)).text
    },
    stream: async () => streamText({ model, prompt: 'Hi' }).text,
    async tool() {
      const [call] = (await generateText({ model, prompt: 'Hi', tools })).toolCalls
      return { name: call?.toolName ?? '', input: call?.input }
    },
    ...(embedder ? { embed: async () => (await embed({ model: embedder, value: 'Hi' })).embedding } : {}),
    statusOf: (error) => fieldOfError(error, 'statusCode'),
  }
}

clientSuite('@ai-sdk/openai', {
  bases: ['/v1/forward?u=https://api.openai.com/v1', '/v1/providers/openai'],
  endpoint: 'POST https://api.openai.com/v1/responses',
  model: 'gpt-4o',
  can: ['embed', 'transcribe'],
  make(baseURL, apiKey) {
    const openai = createOpenAI({ baseURL, apiKey })
    return {
      ...client(openai('gpt-4o'), openai.embedding('text-embedding-3-small')),
      async transcribe() {
        const audio = new Uint8Array(await soundFile().arrayBuffer())
        return (await transcribe({ model: openai.transcription('whisper-1'), audio })).text
      },
    }
  },
})

clientSuite('@ai-sdk/anthropic', {
  bases: ['/v1/forward?u=https://api.anthropic.com/v1', '/v1/providers/anthropic'],
  endpoint: 'POST https://api.anthropic.com/v1/messages',
  model: 'claude-sonnet-4-6',
  can: [],
  make: (baseURL, apiKey) => client(createAnthropic({ baseURL, apiKey })('claude-sonnet-4-6')),
})

clientSuite('@ai-sdk/google', {
  bases: ['/v1/forward?u=https://generativelanguage.googleapis.com/v1beta', '/v1/providers/google'],
  endpoint: 'POST https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent',
  model: 'gemini-2.5-flash',
  can: ['embed'],
  make(baseURL, apiKey) {
    const google = createGoogleGenerativeAI({ baseURL, apiKey })
    return client(google('gemini-2.5-flash'), google.embedding('gemini-embedding-001'))
  },
})
