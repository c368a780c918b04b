import { expect, test } from 'vitest'
import { catalog, findProvider } from '../../src/providers/catalog.ts'

const keyOf = (url: string) => findProvider(new URL(url), catalog)?.key

/** The keys that Lava's own client has (lava-api 5). */
const clientKeys = [
  'openai', 'anthropic', 'google', 'googleOpenaiCompatible', 'mistral', 'deepseek', 'xai', 'groq', 'together', 'cohere',
  'fireworks', 'deepinfra', 'hyperbolic', 'cerebras', 'sambanova', 'nebius', 'gmicloud', 'inference', 'baseten', 'novita',
  'vercel', 'kluster', 'parasail', 'chutes', 'targon', 'embercloud', 'moonshot', 'elevenlabs',
] // prettier-ignore

test('knows every provider of the Lava client', () => {
  expect(catalog.map(({ key }) => key)).toEqual(expect.arrayContaining(clientKeys))
  expect(new Set(catalog.map(({ key }) => key)).size).toBe(catalog.length)
})

test('holds addresses in normal form: https, no trailing slash, no query', () => {
  for (const { key, baseUrl, publicBaseUrl } of catalog) {
    expect(publicBaseUrl).toBe(baseUrl)
    if (baseUrl === null) continue
    const { origin, pathname, protocol } = new URL(baseUrl)
    expect(`${origin}${pathname === '/' ? '' : pathname}`).toBe(baseUrl)
    expect(protocol).toBe(key === 'ollama' ? 'http:' : 'https:')
  }
})

test('sends each key in the provider’s own header', () => {
  const authOf = (key: string) => catalog.find((entry) => entry.key === key)?.auth
  expect(authOf('openai')).toEqual({ header: 'authorization', prefix: 'Bearer ' })
  expect(authOf('anthropic')).toEqual({ header: 'x-api-key', prefix: '' })
  expect(authOf('google')).toEqual({ header: 'x-goog-api-key', prefix: '' })
  expect(authOf('googleOpenaiCompatible')).toEqual({ header: 'authorization', prefix: 'Bearer ' })
  expect(authOf('elevenlabs')).toEqual({ header: 'xi-api-key', prefix: '' })
  expect(authOf('deepgram')).toEqual({ header: 'authorization', prefix: 'Token ' })
  expect(authOf('assemblyai')).toEqual({ header: 'authorization', prefix: '' })
  expect(authOf('azure')).toEqual({ header: 'api-key', prefix: '' })
  expect(authOf('ollama')).toBeNull()
})

test('finds a provider by its exact origin', () => {
  expect(keyOf('https://api.openai.com/v1/chat/completions')).toBe('openai')
  expect(keyOf('https://api.openai.com:8443/v1/chat/completions')).toBeUndefined()
  expect(keyOf('http://api.openai.com/v1/chat/completions')).toBeUndefined()
  expect(keyOf('https://api.openai.com.evil.example/v1')).toBeUndefined()
  expect(keyOf('https://evil.example/https://api.openai.com/v1')).toBeUndefined()
  expect(keyOf('https://mine.openai.azure.com/openai/v1/responses')).toBeUndefined()
})

test('takes the longest base path of a host, and its first entry for any other path', () => {
  expect(keyOf('https://generativelanguage.googleapis.com/v1beta/models/m:generateContent')).toBe('google')
  expect(keyOf('https://generativelanguage.googleapis.com/v1beta/openai/chat/completions')).toBe(
    'googleOpenaiCompatible',
  )
  expect(keyOf('https://generativelanguage.googleapis.com/v1beta/openai')).toBe('googleOpenaiCompatible')
  expect(keyOf('https://generativelanguage.googleapis.com/v1beta/openaix')).toBe('google')
  expect(keyOf('https://generativelanguage.googleapis.com/upload/v1beta/files')).toBe('google')
})

test('finds a provider by its public address and by the host’s own', () => {
  const openai = catalog.filter(({ key }) => key === 'openai')
  const moved = openai.map((entry) => ({ ...entry, baseUrl: 'http://127.0.0.1:9000/mock', mine: true }))
  expect(findProvider(new URL('https://api.openai.com/v1/responses'), moved)?.mine).toBe(true)
  expect(findProvider(new URL('http://127.0.0.1:9000/mock/responses'), moved)?.mine).toBe(true)
  expect(findProvider(new URL('http://127.0.0.1:9001/mock/responses'), moved)).toBeUndefined()
})
