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
const optionsOf = (abortSignal?: AbortSignal) => (abortSignal ? { abortSignal } : {})

function client(model: LanguageModel, embedder?: EmbeddingModel): StockClient {
  const callOf = ([call]: readonly { toolName: string; input: unknown }[]) => ({
    name: call?.toolName ?? '',
    input: call?.input,
  })
  return {
    plain: async (signal) => (await generateText({ model, prompt: 'Hi', ...optionsOf(signal) })).text,
    async stream(signal, seen) {
      let text = ''
      for await (const piece of streamText({ model, prompt: 'Hi', ...optionsOf(signal) }).textStream) {
        text += piece
        seen?.()
      }
      return text
    },
    tool: async () => callOf((await generateText({ model, prompt: 'Hi', tools })).toolCalls),
    streamTool: async () => callOf(await streamText({ model, prompt: 'Hi', tools }).toolCalls),
    ...(embedder ? { embed: async () => (await embed({ model: embedder, value: 'Hi' })).embedding } : {}),
    // After several tries it tells the last.
    statusOf: (error) => fieldOfError(fieldOfError(error, 'lastError') ?? error, 'statusCode'),
  }
}

clientSuite('@ai-sdk/openai', {
  bases: ['/v1/forward?u=https://api.openai.com/v1', '/v1/providers/openai'],
  ownBase: '/v1',
  provider: 'openai',
  endpoint: 'POST https://api.openai.com/v1/responses',
  model: 'gpt-4o',
  can: ['embed', 'transcribe', 'retry'],
  make(baseURL, apiKey, fetch) {
    const openai = createOpenAI({ baseURL, apiKey, ...(fetch ? { fetch } : {}) })
    return {
      ...client(openai('gpt-4o'), openai.embedding('text-embedding-3-small')),
      async transcribe() {
        const audio = new Uint8Array(await soundFile().arrayBuffer())
        return (await transcribe({ model: openai.transcription('whisper-1'), audio })).text
      },
    }
  },
})

clientSuite('@ai-sdk/openai, chat', {
  bases: ['/v1/forward?u=https://api.openai.com/v1', '/v1/providers/openai'],
  ownBase: '/v1',
  provider: 'openai',
  endpoint: 'POST https://api.openai.com/v1/chat/completions',
  model: 'gpt-4o',
  can: ['retry'],
  make: (baseURL, apiKey, fetch) =>
    client(createOpenAI({ baseURL, apiKey, ...(fetch ? { fetch } : {}) }).chat('gpt-4o')),
})

clientSuite('@ai-sdk/anthropic', {
  bases: ['/v1/forward?u=https://api.anthropic.com/v1', '/v1/providers/anthropic'],
  ownBase: '/v1',
  provider: 'anthropic',
  endpoint: 'POST https://api.anthropic.com/v1/messages',
  model: 'claude-sonnet-4-6',
  can: ['retry'],
  make: (baseURL, apiKey, fetch) =>
    client(createAnthropic({ baseURL, apiKey, ...(fetch ? { fetch } : {}) })('claude-sonnet-4-6')),
})

clientSuite('@ai-sdk/google', {
  bases: ['/v1/forward?u=https://generativelanguage.googleapis.com/v1beta', '/v1/providers/google'],
  ownBase: '/v1beta',
  provider: 'google',
  endpoint: 'POST https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent',
  model: 'gemini-2.5-flash',
  can: ['embed', 'retry'],
  make(baseURL, apiKey, fetch) {
    const google = createGoogleGenerativeAI({ baseURL, apiKey, ...(fetch ? { fetch } : {}) })
    return client(google('gemini-2.5-flash'), google.embedding('gemini-embedding-001'))
  },
})
