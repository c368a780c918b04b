import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { readUsage } from '../../src/providers/read-usage.ts'

const body = JSON.stringify({ id: 'c1', model: 'gpt-5-2025', usage: { prompt_tokens: 1, completion_tokens: 2 } })
const request = { method: 'POST', url: 'https://api.openai.com/v1/chat/completions', body: '{"model":"gpt-5"}' }

test('reads an answer into one flat object', async () => {
  const response = { status: 200, headers: { 'Content-Type': 'application/json' } }
  expect(await readUsage({ request, response, chunks: [Buffer.from(body)] })).toEqual({
    billable: true,
    reason: null,
    error: false,
    pending: false,
    estimated: false,
    complete: true,
    provider: 'openai',
    model: 'gpt-5-2025',
    response_id: 'c1',
    dedupe_id: null,
    input_tokens: 1,
    output_tokens: 2,
    assumed: {},
    unread: false,
  })
})

test('reads what fetch answers, whose body is unpacked and whose headers say packed', async () => {
  const response = new Response(body, { headers: { 'content-encoding': 'br' } })
  if (!response.body) throw new TypeError('a response with text has a body')
  const headers = Object.fromEntries(response.headers)
  expect(await readUsage({ request, response: { status: 200, headers }, chunks: response.body })).toMatchObject({
    output_tokens: 2,
  })
})

test('heeds header names in any case', async () => {
  const response = { status: 200, headers: { 'Content-Encoding': ['gzip'] } }
  expect((await readUsage({ request, response, chunks: [gzipSync(body)] })).output_tokens).toBe(2)
})

test('tells what an unknown host speaks by the path', async () => {
  const at = (url: string, answer: object) =>
    readUsage({ request: { method: 'POST', url }, response: { status: 200, headers: {} }, chunks: [Buffer.from(JSON.stringify(answer))] }) // prettier-ignore
  const usage = { input_tokens: 3, output_tokens: 4 }
  expect(await at('https://llm.example/v1/chat/completions', { usage })).toMatchObject({ ...usage, provider: null })
  expect(await at('https://llm.example/anthropic/v1/messages', { type: 'message', usage })).toMatchObject(usage)
  expect(await at('https://llm.example/v1/responses', { status: 'completed', usage })).toMatchObject(usage)
  const usageMetadata = { promptTokenCount: 3, candidatesTokenCount: 4 }
  expect(await at('https://eu.example/models/gemini-3:generateContent', { usageMetadata })).toMatchObject({
    ...usage,
    model: 'gemini-3',
  })
  expect(await at('https://api.example/search', { usage: { duration_seconds: 2.5, characters: 8 } })).toMatchObject({
    billable: true,
    seconds: 2.5,
    characters: 8,
  })
})

test('reads a broken connection as a cut answer', async () => {
  async function* cut() {
    yield Buffer.from(body.slice(0, 40))
    await Promise.reject(new Error('socket hang up'))
  }
  const reading = await readUsage({ request, response: { status: 200, headers: {} }, chunks: cut() })
  expect(reading).toMatchObject({ billable: true, complete: false, estimated: true, model: 'gpt-5-2025' })
})

test('throws for a URL that is none', async () => {
  const wrong = { request: { method: 'POST', url: '/v1/chat' }, response: { status: 200, headers: {} }, chunks: [] }
  await expect(readUsage(wrong)).rejects.toThrow(TypeError)
})
