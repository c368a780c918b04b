// The metered fetch: a provider's own client is guarded and charged, and notices nothing else.
import { getEventListeners } from 'node:events'
import { Readable } from 'node:stream'
import { afterEach, describe, expect, test } from 'vitest'
import type { MeteredFetchOptions } from '../../src/gateway/metered-fetch.ts'
import { runningApp, type AppOptions, type RunningApp } from '../support/running-app.ts'

let running: RunningApp
afterEach(() => running.close())

async function start(options: AppOptions = {}, credit = '1'): Promise<void> {
  running = await runningApp({ behaviour: { inputTokens: 1000, outputTokens: 100 }, ...options })
  if (credit !== '0') await running.lava.credit({ customer_id: 'ada', amount: credit, entry_id: 'e' })
}

const chat = () => `${running.provider.url}/v1/chat/completions`
const prompt = { model: 'gpt-4o', max_tokens: 100, messages: [{ role: 'user', content: 'Hi' }] }
const json = (body: object = prompt): RequestInit => ({
  method: 'POST',
  headers: { authorization: 'Bearer sk-of-the-client', 'content-type': 'application/json' },
  body: JSON.stringify(body),
})
const metered = (options: Partial<MeteredFetchOptions> = {}) =>
  running.lava.fetch({ customer_id: 'ada', meter_slug: 'chat', ...options })
const balance = async () => (await running.lava.canAfford({ customer_id: 'ada', amount: '0' })).available
const withoutIds = (text: string) => text.replaceAll(/chatcmpl-mock\d+/g, 'chatcmpl-mock')
const charged = { charge: { amount: '0.0042000000' }, usage_source: 'provider', provider_key_type: 'unmanaged' }

describe('a fetch of lava.fetch()', () => {
  test('gives the answer as the provider sent it, with the client’s own key, and charges its usage', async () => {
    await start()
    const answer = await metered({ metadata: { feature: 'summary' } })(chat(), json())
    const direct = await fetch(chat(), json())
    expect(answer.status).toBe(200)
    expect(answer.url).toBe(chat())
    expect(withoutIds(await answer.text())).toBe(withoutIds(await direct.text()))
    const [record] = await running.recordsDone(1)
    expect(record).toMatchObject({
      ...charged,
      customer_id: 'ada',
      provider: 'openai',
      metadata: { feature: 'summary' },
      request_id: answer.headers.get('x-lava-request-id'),
    })
    expect(running.provider.calls[0]?.headers.authorization).toBe('Bearer sk-of-the-client')
    expect(await balance()).toBe('0.9958000000')
  })

  test('answers 402 in place of the provider, who is not called', async () => {
    await start({}, '0.001')
    const answer = await metered()(chat(), json())
    expect(answer.status).toBe(402)
    expect(await answer.json()).toMatchObject({ error: { code: 'insufficient_balance', available: '0.0010000000' } })
    expect(running.provider.callCount).toBe(0)
  })

  test('streams each event as it comes, asks for the usage and takes its event out', async () => {
    await start()
    const answer = await metered()(chat(), json({ ...prompt, stream: true }))
    const seen = await answer.text()
    const asked = { ...prompt, stream: true, stream_options: { include_usage: true } }
    const whole = await (await fetch(chat(), json(asked))).text()
    expect(withoutIds(seen)).toBe(withoutIds(whole).replace(/data: [^\n]*"choices":\[\][^\n]*\n\n/, ''))
    expect(seen).not.toContain('prompt_tokens')
    expect(seen).toMatch(/data: \[DONE\]\n\n$/)
    expect((await running.recordsDone(1))[0]).toMatchObject(charged)
    expect(running.provider.calls[0]?.body.toString()).toContain('include_usage')
  })

  test('leaves the usage event to a client that asked for it, and a packed stream unpacked', async () => {
    await start({ behaviour: { inputTokens: 1000, outputTokens: 100, encoding: 'gzip' } })
    const asked = { ...prompt, stream: true, stream_options: { include_usage: true } }
    expect(await (await metered()(chat(), json(asked))).text()).toContain('"prompt_tokens":1000')
    expect(await (await metered()(chat(), json({ ...prompt, stream: true }))).text()).not.toContain('prompt_tokens')
    const records = await running.recordsDone(2)
    expect(records.map(({ charge }) => charge?.amount)).toEqual(['0.0042000000', '0.0042000000'])
  })

  test.each<[string, () => Parameters<typeof fetch>]>([
    ['a URL', () => [new URL(chat()), json()]],
    ['a Request', () => [new Request(chat(), json())]],
    ['a Request and a body for it', () => [new Request(chat(), { method: 'POST' }), json()]],
    ['bytes', () => [chat(), { ...json(), body: new TextEncoder().encode(JSON.stringify(prompt)) }]],
    ['a Blob', () => [chat(), { ...json(), body: new Blob([JSON.stringify(prompt)]) }]],
    ['a stream', () => [chat(), { ...json(), body: new Blob([JSON.stringify(prompt)]).stream(), duplex: 'half' }]],
  ])('takes %s', async (_kind, args) => {
    await start()
    const answer = await metered()(...args())
    expect(answer.status).toBe(200)
    await answer.text()
    expect((await running.recordsDone(1))[0]).toMatchObject({ ...charged, held: '0.0012270000' })
    expect(JSON.parse(running.provider.calls[0]?.body.toString() ?? '')).toEqual(prompt)
  })

  test.each([
    ['larger than what is read', 10],
    ['of any size', 8 * 1024 * 1024],
  ])('reads the fields of a form %s, from an object and from a Request', async (_size, inspectBytesMax) => {
    const raw = {
      status: 200,
      headers: { 'content-type': 'application/json' },
      chunks: [Buffer.from('{"text":"hello"}')],
    }
    await start({ behaviour: { raw }, lava: { inspectBytesMax } })
    const form = () => {
      const fields = new FormData()
      fields.append('file', new Blob([Buffer.alloc(64_000)]), 'speech.mp3')
      fields.append('model', 'whisper-1')
      return { method: 'POST', body: fields }
    }
    const url = `${running.provider.url}/v1/audio/transcriptions`
    await (await metered()(url, form())).text()
    await (await metered()(new Request(url, form()))).text()
    const [one, two] = await running.recordsDone(2)
    expect(one).toMatchObject({ model: 'whisper-1', usage_source: 'estimated' })
    expect(two).toMatchObject({ model: 'whisper-1', usage_source: 'estimated' })
    expect(running.provider.calls.map(({ body }) => body.includes('whisper-1'))).toEqual([true, true])
  })

  test('passes a provider’s error on, and charges nothing', async () => {
    await start({ behaviour: { status: 429 } })
    const answer = await metered()(chat(), json())
    expect(answer.status).toBe(429)
    expect(await answer.json()).toMatchObject({ error: { type: 'invalid_request_error' } })
    expect((await running.recordsDone(1))[0]).toMatchObject({ charge: null, provider_status: 429 })
    expect(await balance()).toBe('1.0000000000')
  })

  test('rejects as the platform does when nobody answers, and frees the hold', async () => {
    await start()
    const failure = new TypeError('fetch failed', { cause: new Error('ECONNREFUSED') })
    await expect(metered({ fetch: () => Promise.reject(failure) })(chat(), json())).rejects.toBe(failure)
    expect((await running.recordsDone(1))[0]?.note).toContain('ECONNREFUSED')
    expect(await balance()).toBe('1.0000000000')
  })

  test('settles an answer that nobody reads', async () => {
    await start()
    await metered()(chat(), json())
    expect((await running.recordsDone(1))[0]).toMatchObject(charged)
  })

  test('gives a cut stream to its last byte, and the cut, and estimates it', async () => {
    await start({ behaviour: { inputTokens: 1000, text: 'one two three', cutAfterEvents: 2 } })
    const answer = await metered()(chat(), json({ ...prompt, stream: true }))
    let seen = ''
    const read = async () => {
      for await (const chunk of answer.body ?? []) seen += new TextDecoder().decode(chunk as Uint8Array)
    }
    await expect(read()).rejects.toThrow()
    expect(seen).toContain('one ')
    expect((await running.recordsDone(1))[0]).toMatchObject({ usage_source: 'estimated' })
  })
})

describe('a caller who leaves', () => {
  test('before the call costs nothing, and nobody is called', async () => {
    await start()
    const signal = AbortSignal.abort(new Error('changed my mind'))
    await expect(metered()(chat(), { ...json(), signal })).rejects.toThrow('changed my mind')
    expect(running.provider.callCount).toBe(0)
  })

  test('while waiting is told at once; the answer is read on for its usage', async () => {
    await start()
    const gate = running.provider.gate()
    const aborting = new AbortController()
    const answer = metered()(chat(), { ...json(), signal: aborting.signal })
    await running.provider.waitForCalls(1)
    aborting.abort()
    await expect(answer).rejects.toMatchObject({ name: 'AbortError' })
    gate.release()
    expect((await running.recordsDone(1))[0]).toMatchObject(charged)
  })

  test.each(['abort', 'cancel'])('in the middle of a stream by %s is charged what the provider tells', async (by) => {
    await start({ behaviour: { inputTokens: 1000, outputTokens: 100, events: 5, eventDelayMs: 20 } })
    const aborting = new AbortController()
    const answer = await metered()(chat(), { ...json({ ...prompt, stream: true }), signal: aborting.signal })
    const reader = answer.body?.getReader()
    await reader?.read()
    if (by === 'cancel') await reader?.cancel()
    else {
      aborting.abort()
      await expect(reader?.read()).rejects.toMatchObject({ name: 'AbortError' })
    }
    expect((await running.recordsDone(1))[0]).toMatchObject(charged)
  })

  test('with onClientAbort: cancel breaks the provider off, and what was given is estimated', async () => {
    await start({ behaviour: { events: 5, eventDelayMs: 5_000 }, lava: { onClientAbort: 'cancel' } })
    const aborting = new AbortController()
    const answer = await metered()(chat(), { ...json({ ...prompt, stream: true }), signal: aborting.signal })
    await answer.body?.getReader().read()
    aborting.abort()
    expect((await running.recordsDone(1))[0]).toMatchObject({ usage_source: 'estimated' })
    const [call] = running.provider.calls
    if (call) await running.provider.waitForEnd(call)
    expect(call?.status).toBe('aborted')
  })
})

describe('a caller’s own body', () => {
  /** As much as is given, and then nothing more, ever. */
  function stalled(bytes = 0): { body: ReadableStream<Uint8Array>; cancelled: Promise<unknown> } {
    const { promise: cancelled, resolve } = Promise.withResolvers<unknown>()
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        if (bytes > 0) controller.enqueue(new Uint8Array(bytes))
      },
      cancel: resolve,
    })
    return { body, cancelled }
  }
  const streamed = (body: ReadableStream, signal: AbortSignal): RequestInit & { duplex: 'half' } => ({
    ...json(),
    body,
    signal,
    duplex: 'half',
  })

  test('that stalls while it is read is let go of by an abort, which is told at once', async () => {
    await start()
    const aborting = new AbortController()
    const { body, cancelled } = stalled()
    const answer = metered()(chat(), streamed(body, aborting.signal))
    aborting.abort('enough')
    await expect(answer).rejects.toBe('enough')
    expect(await cancelled).toBe('enough')
    expect(running.provider.callCount).toBe(0)
  })

  test('that fails while it is read fails the fetch, and leaves nothing on the signal', async () => {
    await start()
    const { signal } = new AbortController()
    const body = new ReadableStream({
      pull(controller) {
        controller.error(new Error('the disk is gone'))
      },
    })
    await expect(metered()(chat(), streamed(body, signal))).rejects.toThrow('the disk is gone')
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })

  test('that is too large to be read is let go of when the call is refused', async () => {
    await start({ lava: { inspectBytesMax: 10 } }, '0')
    const { body, cancelled } = stalled(1000)
    const { signal } = new AbortController()
    expect((await metered()(chat(), streamed(body, signal))).status).toBe(402)
    await cancelled
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })

  test('that is too large to be read is let go of by an abort while it is sent', async () => {
    await start({ lava: { inspectBytesMax: 10, prices: {} } })
    const aborting = new AbortController()
    const { body, cancelled } = stalled(1000)
    const answer = metered()(chat(), streamed(body, aborting.signal))
    await expect.poll(async () => await balance()).not.toBe('1.0000000000')
    aborting.abort()
    await expect(answer).rejects.toMatchObject({ name: 'AbortError' })
    await cancelled
    expect((await running.recordsDone(1))[0]).toMatchObject({ charge: null })
  })

  test('keeps the type that its Blob says, though the stream is asked for usage', async () => {
    await start()
    const body = new Blob([JSON.stringify({ ...prompt, stream: true })], { type: 'application/json' })
    await (await metered()(chat(), { method: 'POST', body })).text()
    expect(running.provider.calls[0]?.headers['content-type']).toBe('application/json')
    expect(running.provider.calls[0]?.body.toString()).toContain('include_usage')
  })

  test('is that of a Request in the place of options', async () => {
    await start()
    await (await metered()(chat(), new Request('https://elsewhere.example', json()))).text()
    expect((await running.recordsDone(1))[0]).toMatchObject(charged)
    expect(running.provider.calls[0]).toMatchObject({ method: 'POST', headers: { authorization: 'Bearer sk-of-the-client' } }) // prettier-ignore
  })
})

describe('a signal that outlives its calls', () => {
  test('is told of nothing after the answer, the refusal or the failure', async () => {
    await start()
    const { signal } = new AbortController()
    await (await metered()(chat(), { ...json(), signal })).text()
    await (await metered()(chat(), { ...json({ ...prompt, model: 'nobody’s' }), signal })).text()
    await expect(metered({ fetch: () => Promise.reject(new Error('away')) })(chat(), { ...json(), signal })).rejects.toThrow('away') // prettier-ignore
    await running.recordsDone(2)
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })
})

describe('a transport that answers what is no answer', () => {
  test('fails the fetch, and leaves no hold', async () => {
    await start()
    // As node-fetch does.
    const foreign = Object.defineProperty(new Response(), 'body', { value: Readable.from(['{}']) })
    await expect(metered({ fetch: () => Promise.resolve(foreign) })(chat(), json())).rejects.toThrow(TypeError)
    expect((await running.recordsDone(1))[0]?.note).toContain('could not be relayed')
    expect(await balance()).toBe('1.0000000000')
  })
})

describe('which calls are metered', () => {
  const ok = () => Promise.resolve(Response.json({ id: 'x', model: 'mine', usage: { prompt_tokens: 1000, completion_tokens: 100 } })) // prettier-ignore

  test('those to a host that is told by its name, and by its path where there is a price', async () => {
    await start({ lava: { prices: { mine: { input_tokens_1m: '2.5', output_tokens_1m: '10' } } } })
    const urls = [
      'https://res.openai.azure.com/openai/deployments/d/chat/completions',
      'http://10.1.1.1/v1/chat/completions',
    ]
    for (const url of urls) await (await metered({ fetch: ok })(url, json({ ...prompt, model: 'mine' }))).text()
    const records = await running.recordsDone(2)
    expect(records.map(({ provider }) => provider)).toEqual(['azure', '10.1.1.1'])
    expect(records.map(({ charge }) => charge?.amount)).toEqual(['0.0042000000', '0.0042000000'])
  })

  test('a model without a price is refused with 422', async () => {
    await start()
    const answer = await metered({ fetch: ok })('https://llm.example/v1/chat/completions', json({ ...prompt, model: 'mine' })) // prettier-ignore
    expect(answer.status).toBe(422)
    expect(await answer.json()).toMatchObject({ error: { code: 'price_unknown' } })
  })

  test('all else passes untouched', async () => {
    await start({}, '0')
    const picture = new Response('a picture')
    const fetched = await metered({ fetch: () => Promise.resolve(picture) })('https://cdn.example/picture.png')
    expect(fetched).toBe(picture)
    await expect(metered()('no address')).rejects.toThrow(TypeError)
    expect(running.records).toEqual([])
  })
})

describe('the gateway', () => {
  test('refuses options that it does not know, and meters that are not there', async () => {
    await start()
    // @ts-expect-error -- a typing slip, as JavaScript hosts make them
    expect(() => metered({ metadat: {} })).toThrow('did you mean `metadata`?')
    expect(() => metered({ meter_slug: 'nope' })).toThrow('nope')
  })

  test('waits for running fetches when it closes, breaks off what takes too long, and takes no new ones', async () => {
    await start({ behaviour: { hang: true }, lava: { closeTimeoutMs: 50 } })
    const answer = metered()(chat(), json())
    await running.provider.waitForCalls(1)
    const [closed, failed] = await Promise.allSettled([running.lava.close(), answer])
    expect(closed).toMatchObject({ value: { left_open: 0 } })
    expect(failed.status).toBe('rejected')
    expect((await metered()(chat(), json())).status).toBe(503)
  })
})
