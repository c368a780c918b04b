// What every stock client must be able to do through the gateway, with nothing changed but its base URL and its key.
import { afterEach, describe, expect, test } from 'vitest'
import { parseMoney } from '../../src/money.ts'
import type { RequestRecord } from '../../src/ledger/request-record.ts'
import { runningApp, type RunningApp } from '../support/running-app.ts'

export interface ToolCall {
  name: string
  input: unknown
}

/** One client, set up with a base URL and a key. */
export interface StockClient {
  plain(signal?: AbortSignal): Promise<string | null | undefined>
  stream(): Promise<string>
  /** With the tool `weather` at hand. */
  tool(): Promise<ToolCall>
  /** The first vector. */
  embed?(): Promise<readonly number[] | undefined>
  /** Uploads a sound file. */
  transcribe?(): Promise<string>
  /** The HTTP status in what the client threw. */
  statusOf(error: unknown): unknown
}

export interface ClientUnderTest {
  /** After the app's address: the forms of base URL that the client works with. */
  bases: readonly string[]
  make(base: string, key: string): StockClient
  /** The provider's address, without query, as the record must show it. */
  endpoint: string
  model: string
  /** What the provider and the client have beside chats. */
  can: readonly ('embed' | 'transcribe')[]
}

const weather = { name: 'weather', input: { city: 'Lisbon' } }

export function clientSuite(name: string, client: ClientUnderTest): void {
  let running: RunningApp

  async function start(base: string, credit = '10'): Promise<StockClient> {
    running = await runningApp({
      behaviour: { inputTokens: 40, outputTokens: 6, text: 'the mock has spoken' },
      lava: { onClientAbort: 'cancel' },
      providers: providersOn,
    })
    if (credit !== '0') await running.lava.credit({ customer_id: 'ada', amount: credit, entry_id: 'e' })
    return client.make(`${running.base}${base}`, running.token({ customer_id: 'ada', meter_slug: 'chat' }))
  }

  /** The one call reached the provider with the merchant's key, and was charged to ada. */
  async function charged(): Promise<RequestRecord> {
    const [record] = await running.recordsDone(1)
    if (!record) throw new Error('there is no record')
    const { headers, path } = running.provider.calls[0] ?? {}
    expect(running.provider.callCount).toBe(1)
    expect(JSON.stringify(headers)).toContain('merchant-key')
    expect(`${JSON.stringify(headers)} ${path}`).not.toContain(
      running.token({ customer_id: 'ada', meter_slug: 'chat' }),
    )
    expect(record).toMatchObject({ customer_id: 'ada', usage_source: 'provider', status: 'completed' })
    expect(parseMoney(record.charge?.amount ?? '0')).toBeGreaterThan(0n)
    return record
  }

  describe.each(client.bases)(`${name} at %s`, (base) => {
    afterEach(() => running.close())

    test('gets a plain answer, which is charged', async () => {
      const stock = await start(base)
      expect(await stock.plain()).toBe('the mock has spoken')
      expect(await charged()).toMatchObject({
        endpoint: client.endpoint,
        model: client.model,
        model_usage: { input_tokens: 40, output_tokens: 6 },
      })
    })

    test('gets a stream, which is charged', async () => {
      const stock = await start(base)
      expect(await stock.stream()).toBe('the mock has spoken')
      expect((await charged()).model_usage).toMatchObject({ input_tokens: 40, output_tokens: 6 })
    })

    test('is told which tool to call', async () => {
      const stock = await start(base)
      running.provider.next({ inputTokens: 40, outputTokens: 6, tool: weather })
      expect(await stock.tool()).toEqual(weather)
      await charged()
    })

    if (client.can.includes('embed'))
      test('gets embeddings, which are charged', async () => {
        const stock = await start(base)
        expect(await stock.embed?.()).toEqual([0.25, -0.5, 0.125])
        expect((await charged()).model_usage.input_tokens).toBe(40)
      })

    if (client.can.includes('transcribe'))
      test('uploads a sound file and gets its text, which is charged', async () => {
        const stock = await start(base)
        expect(await stock.transcribe?.()).toBe('the mock has spoken')
        expect((await charged()).model_usage.input_seconds).toBe(40)
        expect(running.provider.calls[0]?.body.includes('RIFF')).toBe(true)
      })

    test('aborts: the provider’s call ends, and what it may bill is charged', async () => {
      const stock = await start(base)
      running.provider.next({ hang: true })
      const abort = new AbortController()
      const answer = stock.plain(abort.signal)
      const failed = expect(answer).rejects.toThrow()
      await running.provider.waitForCalls(1)
      abort.abort()
      await failed
      const [call] = running.provider.calls
      if (call) await running.provider.waitForEnd(call)
      expect(call?.status).toBe('aborted')
      expect((await running.recordsDone(1))[0]).toMatchObject({ usage_source: 'estimated' })
    })

    test('is told of a provider’s error in its own way, for nothing', async () => {
      const stock = await start(base)
      running.provider.next({ status: 400 })
      const error = await stock.plain().catch((thrown: unknown) => thrown)
      expect(stock.statusOf(error)).toBe(400)
      expect(String(error)).toContain('the mock provider was told to fail')
      expect((await running.recordsDone(1))[0]).toMatchObject({ charge: null, provider_status: 400 })
    })

    test('is told in its own way that the customer can’t pay', async () => {
      const stock = await start(base, '0')
      const error = await stock.plain().catch((thrown: unknown) => thrown)
      expect(stock.statusOf(error)).toBe(402)
      expect(running.provider.callCount).toBe(0)
    })
  })
}

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
