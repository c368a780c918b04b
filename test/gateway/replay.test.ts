// Real answers, replayed by the mock provider through a running Express app: the same records, the same bytes.
import { existsSync, readFileSync } from 'node:fs'
import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { runningApp, type RunningApp } from '../support/running-app.ts'

const corpus = join(import.meta.dirname, '../../../shared/corpus/shared.jsonl')
const perKind = 4

const tokens = z.number().optional()
const caseSchema = z.object({
  id: z.string(),
  kind: z.string(),
  provider: z.string(),
  endpoint: z.string(),
  request: z.object({
    method: z.string(),
    url: z.string(),
    headers: z.record(z.string(), z.string()),
    body: z.string().nullish(),
  }),
  response: z.object({
    status: z.number(),
    headers: z.record(z.string(), z.string()),
    body: z.string(),
    encoding: z.string().optional(),
  }),
  expected: z.object({
    billable: z.boolean(),
    stream: z.boolean(),
    estimated: z.boolean().optional(),
    ambiguous: z.boolean().optional(),
    input_tokens: tokens,
    output_tokens: tokens,
    cache_read_tokens: tokens,
    cache_write_tokens: tokens,
  }),
})
type Case = z.infer<typeof caseSchema>

const endpoints = [
  'openai.chat',
  'openai.responses',
  'anthropic.messages',
  'gemini.generateContent',
  'gemini.streamGenerateContent',
]

/** Some of each: endpoint, streamed or not, billable or not, as the recording was made or with noise. */
function chosenCases(): Case[] {
  const chosen = new Map<string, Case[]>()
  for (const line of readFileSync(corpus, 'utf8').trim().split('\n')) {
    const found = caseSchema.parse(JSON.parse(line))
    const { provider, endpoint, expected, kind } = found
    if (!['openai', 'anthropic', 'google'].includes(provider) || !endpoints.includes(endpoint)) continue
    if (expected.ambiguous || found.request.method !== 'POST') continue
    const group = [endpoint, expected.stream, expected.billable, kind].join(' ')
    const cases = chosen.get(group) ?? []
    if (cases.length < perKind) chosen.set(group, [...cases, found])
  }
  return [...chosen.values()].flat()
}

const present = existsSync(corpus)
const cases = present ? chosenCases() : []

describe.skipIf(!present)('recorded answers through the running app (needs ../shared/corpus)', () => {
  let running: RunningApp
  beforeAll(async () => {
    running = await runningApp()
  })
  afterAll(() => running.close())

  test('are at least forty, streams included', () => {
    expect(cases.length).toBeGreaterThanOrEqual(40)
    expect(cases.filter(({ expected }) => expected.stream).length).toBeGreaterThanOrEqual(15)
  })

  test.each(cases.map((found) => [found.id, found] as const))(
    '%s',
    async (_id, { request: asked, response, expected }) => {
      const bytes = Buffer.from(response.body, response.encoding === 'base64' ? 'base64' : 'utf8')
      // Lengths and framing belong to the recording's connection.
      const headers = Object.fromEntries(
        Object.entries(response.headers).filter(
          ([name]) => !/^(content-length|transfer-encoding|connection)$/i.test(name),
        ),
      )
      const done = running.records.length
      running.provider.next({ raw: { status: response.status, headers, chunks: cut(bytes, 97) } })
      const req = request(`${running.base}/v1/forward?u=${encodeURIComponent(asked.url)}`, {
        method: 'POST',
        // The caller's own provider key: a refusal of it passes unchanged.
        headers: {
          authorization: `Bearer ${running.token({ provider_key: 'own' })}`,
          'content-type': 'application/json',
          connection: 'close',
        },
      })
      req.end(asked.body ?? '{}')
      const [answer] = (await once(req, 'response')) as [IncomingMessage]
      const received: Buffer[] = []
      for await (const chunk of answer) received.push(chunk as Buffer)
      expect(answer.statusCode).toBe(response.status)
      expect(Buffer.concat(received).equals(bytes)).toBe(true)

      const record = (await running.recordsDone(done + 1))[done]
      expect(record?.status).toBe('completed')
      if (!expected.billable) {
        expect(record?.model_usage).toMatchObject({ input_tokens: 0, output_tokens: 0 })
        return
      }
      expect(record?.usage_source).toBe(expected.estimated ? 'estimated' : 'provider')
      if (expected.estimated) return
      for (const field of ['input_tokens', 'output_tokens', 'cache_read_tokens', 'cache_write_tokens'] as const)
        expect(record?.usage[field] ?? 0, field).toBe(expected[field] ?? 0)
    },
  )
})

function cut(bytes: Buffer, size: number): Uint8Array[] {
  const chunks: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size))
  return chunks
}
