// The secured hold: the provider works while the hold is flushed to the disk, and the caller gets nothing of it before.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import type { HoldAct, StorageAdapter } from '../../src/ledger/storage-adapter.ts'
import { memoryStorage } from '../../src/storage/memory.ts'
import { runningApp, type AppOptions, type RunningApp } from '../support/running-app.ts'

let running: RunningApp
afterEach(() => running.close())

/** A storage whose holds are durable when the test says so. */
function lateStorage() {
  const inner = memoryStorage()
  const flushed = Promise.withResolvers<undefined>()
  // Nobody listens where the test ends before.
  flushed.promise.catch(() => undefined)
  const acts: HoldAct[] = []
  const storage: StorageAdapter = {
    ...inner,
    async hold(act) {
      acts.push(act)
      const outcome = await inner.hold(act)
      return outcome.outcome === 'held' && act.durable_later ? { ...outcome, durable: flushed.promise } : outcome
    },
  }
  return {
    storage,
    acts,
    flush: () => flushed.resolve(undefined),
    fail: () => flushed.reject(new Error('the disk is broken')),
  }
}

async function start(storage: StorageAdapter, options: AppOptions['lava'] = {}): Promise<void> {
  running = await runningApp({ lava: { storage, ...options } })
  await running.lava.credit({ customer_id: 'ada', amount: '1', entry_id: 'e' })
}

async function providerAnswered(): Promise<void> {
  await running.provider.waitForCalls(1)
  const [call] = running.provider.calls
  expect(call).toBeDefined()
  if (call) await running.provider.waitForEnd(call)
}

describe('a call whose hold is not yet on disk', () => {
  test.each([false, true])('reaches the provider, and its caller gets nothing before (stream: %s)', async (stream) => {
    const { storage, flush } = lateStorage()
    await start(storage)
    let hasAnswer = false
    const answer = running.call({ body: { stream } }).finally(() => {
      hasAnswer = true
    })
    await providerAnswered()
    // The gateway answers this one after the provider has answered the first.
    expect((await fetch(`${running.base}/elsewhere`)).status).toBe(404)
    expect(hasAnswer).toBe(false)
    flush()
    const got = await answer
    expect(got.status).toBe(200)
    await got.text()
    const [record] = await running.recordsDone(1)
    expect(record).toMatchObject({ status: 'completed', usage_source: 'provider' })
  })

  test('is answered with 503 and costs nothing when the disk fails', async () => {
    const { storage, fail } = lateStorage()
    await start(storage)
    const answer = running.call()
    await running.provider.waitForCalls(1)
    fail()
    expect((await answer).status).toBe(503)
    const [record] = await running.recordsDone(1)
    expect(record).toMatchObject({ charge: null, note: 'its hold could not be brought to the disk' })
    expect((await running.lava.canAfford({ customer_id: 'ada', amount: '0' })).available).toBe('1.0000000000')
  })

  test('is answered when the disk fails and the host rather gives credit', async () => {
    const { storage, fail } = lateStorage()
    await start(storage, { onStorageError: 'allow' })
    const answer = running.call()
    await running.provider.waitForCalls(1)
    fail()
    expect((await answer).status).toBe(200)
    const [record] = await running.recordsDone(1)
    expect(record).toMatchObject({ status: 'completed', usage_source: 'provider' })
    expect(running.log).toContainEqual({
      level: 'warn',
      text: expect.stringContaining('its hold may not be on disk') as unknown,
    })
  })

  test('is answered with 503, and broken off, as soon as the disk fails', async () => {
    const { storage, fail } = lateStorage()
    await start(storage)
    running.provider.gate()
    const answer = running.call()
    await running.provider.waitForCalls(1)
    fail()
    expect((await answer).status).toBe(503)
    await providerAnswered()
    const [record] = await running.recordsDone(1)
    expect(record).toMatchObject({ charge: null, note: 'its hold could not be brought to the disk' })
  })

  test('is answered with 503 when the disk takes longer than storageTimeoutMs, whatever the provider takes', async () => {
    const { storage } = lateStorage()
    await start(storage, { storageTimeoutMs: 50 })
    running.provider.gate()
    expect((await running.call()).status).toBe(503)
    const [record] = await running.recordsDone(1)
    expect(record).toMatchObject({ charge: null })
  })

  test.each([
    [true, { cutAfterEvents: 2 }],
    [false, { cutBody: true }],
  ] as const)('brings what came of an answer that was cut meanwhile (stream: %s)', async (stream, behaviour) => {
    const { storage, flush } = lateStorage()
    await start(storage)
    running.provider.next(behaviour)
    const answer = running.call({ body: { stream } })
    await providerAnswered()
    flush()
    const got = await answer
    expect(got.status).toBe(200)
    expect(await textThatCame(got)).toMatch(stream ? /^data: / : /^\{/)
    const [record] = await running.recordsDone(1)
    expect(record).toMatchObject({ status: 'completed', usage_source: 'estimated' })
  })

  test('is charged when its caller leaves meanwhile', async () => {
    const { storage, flush } = lateStorage()
    await start(storage)
    const leaving = new AbortController()
    const answer = running.call({ signal: leaving.signal })
    await providerAnswered()
    leaving.abort()
    await expect(answer).rejects.toThrow('aborted')
    flush()
    const [record] = await running.recordsDone(1)
    expect(record).toMatchObject({ status: 'completed', usage_source: 'provider' })
  })

  test('keeps its provider from sending more than the sockets hold', async () => {
    const { storage, flush } = lateStorage()
    const chunk = Buffer.alloc(1 << 20, 'x')
    let sent = 0
    const provider = createServer((_req, res) => {
      const send = () => {
        while (sent < chunksMax) {
          sent++
          if (!res.write(chunk)) return void res.once('drain', send)
        }
        res.end()
      }
      send()
    }).listen(0, '127.0.0.1')
    await once(provider, 'listening')
    const { port } = provider.address() as AddressInfo
    const openai = { baseUrl: `http://127.0.0.1:${port}/v1`, apiKey: 'k', allowPrivate: true }
    running = await runningApp({ lava: { storage }, providers: () => ({ openai }) })
    await running.lava.credit({ customer_id: 'ada', amount: '1', entry_id: 'e' })
    const answer = running.call()
    await once(provider, 'request')
    // Many turns of the gateway, in which it would have taken all of it.
    for (let turns = 0; turns < 100; turns++) await fetch(`${running.base}/elsewhere`)
    expect(sent).toBeLessThan(chunksMax)
    flush()
    expect((await (await answer).arrayBuffer()).byteLength).toBe(chunksMax << 20)
    provider.close()
  })
})

const chunksMax = 64

/** All that came of an answer before it broke off. */
async function textThatCame({ body }: Response): Promise<string> {
  let text = ''
  const reader = body?.getReader()
  try {
    for (let part = await reader?.read(); part && !part.done; part = await reader?.read())
      text += Buffer.from(part.value as Uint8Array).toString()
  } catch (error) {
    expect(String(error)).toContain('terminated')
  }
  return text
}

test('who answers by himself waits for the disk before he is let in', async () => {
  const { storage, acts } = lateStorage()
  running = await runningApp({
    lava: { storage, customer: () => 'ada' },
    after: (app, lava) => app.post('/own', lava.balanceGuard(), (_req, res) => void res.send('done')),
  })
  await running.lava.credit({ customer_id: 'ada', amount: '1', entry_id: 'e' })
  expect((await fetch(`${running.base}/own`, { method: 'POST' })).status).toBe(200)
  expect(acts.map(({ durable_later }) => durable_later)).toEqual([undefined])
})
