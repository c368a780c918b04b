// The secured hold: the provider works while the hold is flushed to the disk, and the caller gets nothing of it before.
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
    expect(record).toMatchObject({ charge: null, note: 'the gateway could not relay the call' })
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

  test('is answered with 503 when the disk takes longer than storageTimeoutMs', async () => {
    const { storage } = lateStorage()
    await start(storage, { storageTimeoutMs: 50 })
    expect((await running.call()).status).toBe(503)
    const [record] = await running.recordsDone(1)
    expect(record).toMatchObject({ charge: null })
  })
})

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
