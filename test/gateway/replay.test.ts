// Real answers, replayed by the mock provider through a running Express app: the same records, the same bytes.
import { existsSync, readFileSync } from 'node:fs'
import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { catalog, findProvider } from '../../src/providers/catalog.ts'
import { isSelected } from '../corpus/selection.ts'
import { runningApp, type RunningApp } from '../support/running-app.ts'

const corpus = join(import.meta.dirname, '../../../shared/corpus/shared.jsonl')
const perKind = 2

const count = z.number().optional()
const caseSchema = z.object({
  id: z.string(),
  kind: z.string(),
  endpoint: z.string(),
  request: z.object({ method: z.string(), url: z.string(), body: z.string().nullish() }),
  response: z.object({
    status: z.number(),
    headers: z.record(z.string(), z.string()),
    body: z.string(),
    encoding: z.string().optional(),
  }),
  expected: z.object({
    billable: z.boolean(),
    stream: z.boolean(),
    usage_found: z.boolean().optional(),
    estimated: z.boolean().optional(),
    ambiguous: z.boolean().optional(),
    dedupe_id: z.string().optional(),
    input_tokens: count,
    output_tokens: count,
    cache_read_tokens: count,
    cache_write_tokens: count,
    seconds: count,
    characters: count,
    seconds_estimated: count,
    images: count,
    pages: count,
    search_units: count,
  }),
  alt: z.record(z.string(), z.array(z.number())).optional(),
})
type Case = z.infer<typeof caseSchema>

/** Hosts with a region, a resource or a port in their name: which entry a host of such an app would configure. */
const configured: readonly (readonly [host: RegExp, provider: string])[] = [
  [/^bedrock-runtime\./, 'bedrock'],
  [/aiplatform\.googleapis\.com$/, 'vertex'],
  [/\.openai\.azure\.com$/, 'azure'],
  [/\.ml\.cloud\.ibm\.com$/, 'watsonx'],
  [/\.endpoints\.huggingface\.cloud$/, 'huggingfaceEndpoint'],
  [/:11434$/, 'ollama'],
  [/^localhost:/, 'own'],
  [/\.snowflakecomputing\.com$|crusoecloud\.com$|\.heroku\.com$/, 'own'],
]

/** Some of each: endpoint, streamed or not, billable or not, as the recording was made or with noise. */
function chosenCases(): Case[] {
  const chosen = new Map<string, Case[]>()
  const jobs = new Set<string>()
  for (const line of readFileSync(corpus, 'utf8').trim().split('\n')) {
    const found = caseSchema.parse(JSON.parse(line))
    const { endpoint, expected, kind } = found
    if (expected.ambiguous || !isSelected(found) || endpoint === 'other' || targetOf(found, 'http://x') === null) continue
    // A job is charged once, however often its result is fetched: a test of its own.
    const told = /interactions|responses/.test(endpoint) ? /"id":\s*"([^"]+)"/.exec(bodyOf(found).toString())?.[1] : undefined
    const job = expected.dedupe_id ?? told ?? found.id
    if (jobs.has(job)) continue
    const group = [endpoint, expected.stream, expected.billable, kind === 'transformed'].join(' ')
    const cases = chosen.get(group) ?? []
    if (cases.length >= perKind) continue
    chosen.set(group, [...cases, found])
    jobs.add(job)
  }
  return [...chosen.values()].flat()
} // prettier-ignore

function bodyOf({ response }: Case): Buffer {
  return Buffer.from(response.body, response.encoding === 'base64' ? 'base64' : 'utf8')
}

/** Where the app's caller sends such a call: the public address, or the one that the host has configured. */
function targetOf({ request: { url } }: Case, mock: string): string | null {
  const asked = new URL(url)
  const known = configured.find(([host]) => host.test(asked.host))?.[1]
  if (known !== undefined) return `${mock}/${known}${asked.pathname}${asked.search}`
  const provider = findProvider(asked, catalog)
  // An entry that is moved elsewhere relays only what lies under its public address.
  return provider?.publicBaseUrl && url.startsWith(`${provider.publicBaseUrl}/`) ? url : null
}

/** Every provider of the catalogue, all of them at the mock. */
function providersAt(mock: string) {
  const base = (key: string, path: string) => ({ baseUrl: `${mock}/${key}${path}`, apiKey: 'merchant-key', allowPrivate: true }) // prettier-ignore
  const entries = catalog.map(({ key, baseUrl }) => {
    const path = baseUrl === null || key === 'ollama' ? '' : new URL(baseUrl).pathname
    return [key, base(key, path === '/' ? '' : path)] as const
  })
  return { ...Object.fromEntries(entries), own: { ...base('own', ''), like: 'openai' } }
}

const present = existsSync(corpus)
const cases = present ? chosenCases() : []

describe.skipIf(!present)('recorded answers through the running app (needs ../shared/corpus)', () => {
  let running: RunningApp
  beforeAll(async () => {
    running = await runningApp({ providers: providersAt })
  })
  afterAll(() => running.close())

  test('are of every endpoint kind, streamed and not', () => {
    const kinds = new Set(cases.map(({ endpoint, expected }) => `${endpoint}${expected.stream ? ' stream' : ''}`))
    expect(kinds.size).toBeGreaterThanOrEqual(82)
    expect(cases.filter(({ expected }) => expected.stream).length).toBeGreaterThanOrEqual(40)
  })

  test.each(cases.map((found) => [found.id, found] as const))('%s', async (_id, found) => {
    const { request: asked, response, expected } = found
    const bytes = bodyOf(found)
    // Lengths and framing belong to the recording's connection.
    const headers = Object.fromEntries(
      Object.entries(response.headers).filter(([name]) => !/^(content-length|transfer-encoding|connection)$/i.test(name)),
    ) // prettier-ignore
    const done = running.records.length
    running.provider.next({ raw: { status: response.status, headers, chunks: cut(bytes, 97) } })
    const target = targetOf(found, running.provider.url) ?? ''
    const req = request(`${running.base}/v1/forward?u=${encodeURIComponent(target)}`, {
      method: asked.method,
      // The caller's own provider key: a refusal of it passes unchanged.
      headers: {
        authorization: `Bearer ${running.token({ provider_key: 'own' })}`,
        'content-type': 'application/json',
        connection: 'close',
      },
    })
    req.end(asked.method === 'GET' ? undefined : askingForUsage(found))
    const [answer] = (await once(req, 'response')) as [IncomingMessage]
    const received: Buffer[] = []
    for await (const chunk of answer) received.push(chunk as Buffer)
    expect(answer.statusCode).toBe(response.status)
    expect(Buffer.concat(received).equals(bytes)).toBe(true)

    const record = (await running.recordsDone(done + 1))[done]
    expect(record?.status).toBe('completed')
    if (!expected.billable) {
      expect(record?.model_usage).toMatchObject({ input_tokens: 0, output_tokens: 0 })
      expect(record?.note).toEqual(expect.any(String))
      return
    }
    // A prompt that Ollama had cached is not counted: the record has a guess of it, and says so.
    const cached = found.endpoint.startsWith('ollama') && expected.input_tokens === undefined && !expected.estimated
    if (cached) expect(record?.usage_source).toBe('estimated')
    const isTold =
      !cached && expected.usage_found !== false && !expected.estimated && expected.seconds_estimated === undefined
    if (expected.estimated || isTold) expect(record?.usage_source).toBe(expected.estimated ? 'estimated' : 'provider')
    if (!isTold) return
    const told = { ...record?.usage, seconds: (record?.model_usage.total_seconds ?? 0) / Number(record?.usage.input_channels ?? 1), characters: record?.model_usage.total_characters } // prettier-ignore
    for (const field of fields) {
      const value = Number(Reflect.get(told, field) ?? 0)
      if (!found.alt?.[field]?.includes(value)) expect(value, field).toBeCloseTo(expected[field] ?? 0, 9)
    }
  })
})

const fields = [
  'input_tokens', 'output_tokens', 'cache_read_tokens', 'cache_write_tokens', 'seconds', 'characters', 'images', 'pages',
  'search_units',
] as const // prettier-ignore

/** The corpus trims requests; whoever received a usage event had asked for it (include-usage.test.ts has those who did not). */
function askingForUsage({ request: { body }, endpoint, expected }: Case): string {
  const text = body === undefined || body === null || body === '' ? '{}' : body
  if (!expected.stream || (endpoint !== 'openai.chat' && endpoint !== 'openai.completions')) return text
  const parsed = z.record(z.string(), z.unknown()).parse(JSON.parse(text))
  return JSON.stringify({ ...parsed, stream: true, stream_options: { include_usage: true } })
}

function cut(bytes: Buffer, size: number): Uint8Array[] {
  const chunks: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size))
  return chunks
}
