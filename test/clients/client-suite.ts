// What every stock client must be able to do through the gateway, with nothing changed but its base URL and its key.
import { afterEach, describe, expect, test } from 'vitest'
import { parseMoney } from '../../src/money.ts'
import type { RequestRecord } from '../../src/ledger/request-record.ts'
import { runningApp, type RunningApp } from '../support/running-app.ts'

export interface ToolCall {
  name: string
  input: unknown
}

/** One client, set up with a base URL and a key, and nothing else changed (but the fetch, where one is given). */
export interface StockClient {
  plain(signal?: AbortSignal): Promise<string | null | undefined>
  /** @param seen called at each text that comes. */
  stream(signal?: AbortSignal, seen?: () => void): Promise<string>
  /** With the tool `weather` at hand. */
  tool(): Promise<ToolCall>
  /** The same, streamed. */
  streamTool(): Promise<ToolCall>
  /** The first vector. */
  embed?(): Promise<readonly number[] | undefined>
  /** Uploads a sound file. */
  transcribe?(): Promise<string>
  /** The first model's or file's id. */
  models?(): Promise<string | undefined>
  files?(): Promise<string | undefined>
  /** Uploads a file that is kept; its id. */
  upload?(): Promise<string | undefined>
  /** The HTTP status in what the client threw. */
  statusOf(error: unknown): unknown
}

export interface ClientUnderTest {
  /** After the app's address: the forms of base URL that the client works with. */
  bases: readonly string[]
  /** After the provider's address, for the client's own key and a metered fetch. */
  ownBase: string
  provider: 'openai' | 'anthropic' | 'google' | 'mistral' | 'cohereNative'
  make(base: string, key: string, fetch?: typeof globalThis.fetch): StockClient
  /** The provider's address, without query, as the record must show it. */
  endpoint: string
  model: string
  /** What the provider and the client have beside chats. `retry`: the client tries again by itself. */
  can: readonly ('embed' | 'transcribe' | 'models' | 'files' | 'upload' | 'retry')[]
}

const weather = { name: 'weather', input: { city: 'Lisbon' } }
const lavaFetch = 'lava.fetch'

export function clientSuite(name: string, client: ClientUnderTest): void {
  const { can, provider } = client
  const ways = [...client.bases, lavaFetch]
  describe.each(ways)(`${name} at %s`, (way) => {
    let running: RunningApp
    afterEach(() => running.close())
    const metered = way === lavaFetch

    async function start(credit = '10'): Promise<StockClient> {
      running = await runningApp({
        behaviour: { inputTokens: 40, outputTokens: 6, text: 'the mock has spoken' },
        lava: { onClientAbort: 'cancel' },
        providers: (mock) => ({ [provider]: providersOn(mock)[provider] }),
      })
      if (credit !== '0') await running.lava.credit({ customer_id: 'ada', amount: credit, entry_id: 'e' })
      const payer = { customer_id: 'ada', meter_slug: 'chat' }
      return metered
        ? client.make(`${running.provider.url}${client.ownBase}`, 'clients-own-key', running.lava.fetch(payer))
        : client.make(`${running.base}${way}`, running.token(payer))
    }

    /** With the merchant's key in place of the token, or the client's own. */
    function sentKey(): void {
      const { headers, path } = running.provider.calls[0] ?? {}
      const sent = `${JSON.stringify(headers)} ${path}`
      expect(sent).toContain(metered ? 'clients-own-key' : 'merchant-key')
      expect(sent).not.toContain(running.token({ customer_id: 'ada', meter_slug: 'chat' }))
    }

    /** The last call was answered and charged to ada; those before it, none or refused by the provider, cost nothing. */
    async function charged(calls = 1): Promise<RequestRecord> {
      const records = await running.recordsDone(calls)
      const record = records.at(-1)
      if (!record) throw new Error('there is no record')
      sentKey()
      expect(running.provider.callCount).toBe(calls)
      expect(record).toMatchObject({ customer_id: 'ada', usage_source: 'provider', status: 'completed' })
      expect(record.provider_key_type).toBe(metered ? 'unmanaged' : 'managed')
      expect(parseMoney(record.charge?.amount ?? '0')).toBeGreaterThan(0n)
      expect(records.slice(0, -1).map(({ charge }) => charge)).toEqual(records.slice(1).map(() => null))
      expect(await balance()).toBe(parseMoney('10') - parseMoney(record.charge?.amount ?? '0'))
      return record
    }

    async function balance(): Promise<bigint> {
      return parseMoney((await running.lava.canAfford({ customer_id: 'ada', amount: '0' })).available)
    }

    async function providerWasLeft(): Promise<void> {
      const [call] = running.provider.calls
      if (call) await running.provider.waitForEnd(call)
      expect(call?.status).toBe('aborted')
    }

    test('gets a plain answer, which is charged', async () => {
      const stock = await start()
      expect(await stock.plain()).toBe('the mock has spoken')
      const { pathname } = new URL(client.endpoint.slice('POST '.length))
      expect(await charged()).toMatchObject({
        endpoint: metered ? `POST ${running.provider.url}${pathname}` : client.endpoint,
        provider,
        model: client.model,
        model_usage: { input_tokens: 40, output_tokens: 6 },
      })
    })

    test('gets a stream, which is charged', async () => {
      const stock = await start()
      expect(await stock.stream()).toBe('the mock has spoken')
      expect((await charged()).model_usage).toMatchObject({ input_tokens: 40, output_tokens: 6 })
    })

    test.each(['tool', 'streamTool'] as const)('is told which tool to call (%s)', async (way) => {
      const stock = await start()
      running.provider.next({ inputTokens: 40, outputTokens: 6, tool: weather })
      expect(await stock[way]()).toEqual(weather)
      await charged()
    })

    if (can.includes('embed'))
      test('gets embeddings, which are charged', async () => {
        const stock = await start()
        expect(await stock.embed?.()).toEqual([0.25, -0.5, 0.125])
        expect((await charged()).model_usage.input_tokens).toBe(40)
      })

    if (can.includes('transcribe'))
      test('uploads a sound file and gets its text, which is charged', async () => {
        const stock = await start()
        expect(await stock.transcribe?.()).toBe('the mock has spoken')
        expect((await charged()).model_usage.input_seconds).toBe(40)
        expect(running.provider.calls[0]?.body.includes('RIFF')).toBe(true)
      })

    const free = (['models', 'files', 'upload'] as const).filter((kind) => can.includes(kind))
    if (free.length > 0)
      test(`uses for nothing: ${free.join(', ')}`, async () => {
        const stock = await start('0')
        for (const kind of free) {
          running.provider.next({ raw: rawJson(200, listed) })
          expect(await stock[kind]?.(), kind).toBe('kept-1')
        }
        sentKey()
        expect(running.provider.callCount).toBe(free.length)
        expect(running.provider.calls.at(-1)?.body.includes('RIFF')).toBe(can.includes('upload'))
        for (const { charge } of await running.recordsDone(free.length))
          expect(parseMoney(charge?.amount ?? '0')).toBe(0n)
      })

    test('aborts: the provider’s call ends, and what it may bill is charged', async () => {
      const stock = await start()
      running.provider.next({ hang: true })
      const abort = new AbortController()
      const failed = expect(stock.plain(abort.signal)).rejects.toThrow()
      await running.provider.waitForCalls(1)
      abort.abort()
      await failed
      await providerWasLeft()
      expect((await running.recordsDone(1))[0]).toMatchObject({ usage_source: 'estimated' })
    })

    test('aborts a stream midway: the provider’s stream ends, and what came is charged once', async () => {
      const stock = await start()
      running.provider.next({ text: 'the mock has spoken', events: 200, eventDelayMs: 30 })
      const abort = new AbortController()
      let texts = 0
      const answer = stock.stream(abort.signal, () => {
        texts++
        abort.abort()
      })
      // Some clients end a stream that was aborted, others fail.
      await answer.catch(() => undefined)
      await providerWasLeft()
      expect(texts).toBe(1)
      const [record] = await running.recordsDone(1)
      expect(record).toMatchObject({ usage_source: 'estimated', status: 'completed' })
      expect(parseMoney(record?.charge?.amount ?? '0')).toBeGreaterThan(0n)
      expect(await running.lava.close()).toMatchObject({ left_open: 0 })
      expect(running.records).toHaveLength(1)
    })

    test.each([400, 429])('is told of a provider’s %d in its own way, for nothing', async (status) => {
      const stock = await start()
      // A client that tries again is refused again.
      const tries = status === 429 && can.includes('retry') ? 3 : 1
      for (let each = 0; each < tries; each++) running.provider.next({ raw: refusedBy(status) })
      const error = await stock.plain().catch((thrown: unknown) => thrown)
      expect(stock.statusOf(error)).toBe(status)
      expect(String(error)).toContain('the mock provider was told to fail')
      expect(
        (await running.recordsDone(tries)).map(({ charge, provider_status }) => [charge, provider_status]),
      ).toEqual(Array.from({ length: tries }, () => [null, status]))
      expect(await balance()).toBe(parseMoney('10'))
    })

    if (can.includes('retry'))
      test('tries again after a 429, and is charged once', async () => {
        const stock = await start()
        running.provider.next({ raw: refusedBy(429) })
        expect(await stock.plain()).toBe('the mock has spoken')
        await charged(2)
      })

    test('is told in its own way that the customer can’t pay, and does not try again', async () => {
      const stock = await start('0')
      const error = await stock.plain().catch((thrown: unknown) => thrown)
      expect(stock.statusOf(error)).toBe(402)
      // Some clients read messages only in their own provider's shape; they keep the body.
      expect(`${String(error)} ${String(fieldOfError(error, 'responseBody'))}`).toContain('does not cover this request')
      expect(String(error)).toMatch(/does not cover|Payment Required/)
      expect(running.provider.callCount).toBe(0)
    })
  })
}

function rawJson(status: number, body: object, headers: Record<string, string> = {}) {
  const chunks = [Buffer.from(JSON.stringify(body))]
  return { status, headers: { 'content-type': 'application/json', ...headers }, chunks }
}

/** Says that it may be asked again at once, so that no test waits. */
function refusedBy(status: number) {
  const message = 'the mock provider was told to fail'
  const error = { message, type: 'error', code: status, status: 'REFUSED', param: null }
  return rawJson(status, { type: 'error', error, message }, { 'retry-after-ms': '1', 'retry-after': '0.001' })
}

const kept = {
  id: 'kept-1',
  name: 'kept-1',
  type: 'base',
  object: 'model',
  created: 1,
  created_at: 1,
  filename: 'a.wav',
  bytes: 1,
  purpose: 'batch',
  sample_type: 'batch_request',
  source: 'upload',
  capabilities: {},
}

/** One model or file, in the shapes of all providers at once. */
const listed = { ...kept, object: 'list', data: [kept], models: [kept], files: [kept], total: 1, has_more: false }

/** A second of silence. */
export function soundFile(): File {
  return new File([Buffer.from('RIFF'), Buffer.alloc(16_000)], 'silence.wav', { type: 'audio/wav' })
}

/** The field of an error that holds its status. */
export function fieldOfError(error: unknown, field: string): unknown {
  return typeof error === 'object' && error !== null ? Reflect.get(error, field) : undefined
}

function providersOn(mock: string) {
  const at = (path: string) => ({ baseUrl: `${mock}${path}`, apiKey: 'merchant-key', allowPrivate: true })
  return {
    openai: at('/v1'),
    anthropic: at('/v1'),
    google: at('/v1beta'),
    mistral: at('/v1'),
    cohereNative: at(''),
  }
}
