// lava.close() is the end: nothing of the gateway goes on after it, whenever it comes.
import { expect, test } from 'vitest'
import { lavaGateway } from '../../src/express.ts'
import type { StorageAdapter } from '../../src/ledger/storage-adapter.ts'
import { memoryStorage } from '../../src/storage/memory.ts'
import { secretKey } from '../support/fixed.ts'
import { runningApp } from '../support/running-app.ts'

// Found by `npm run chaos -- --storage redis --seed 12`: a gateway that was closed while its storage opened went on after it.
test('a gateway that is closed while its storage opens waits for that, closes it, and does and logs nothing more', async () => {
  const inner = memoryStorage()
  const gate = Promise.withResolvers<undefined>()
  const story: string[] = []
  const storage: StorageAdapter = {
    ...inner,
    async open() {
      await gate.promise
      await inner.open()
      story.push('opened')
    },
    expired(now_ms, limit) {
      story.push('recovery looked')
      return inner.expired(now_ms, limit)
    },
    async close() {
      await inner.close()
      story.push('closed')
    },
  }
  const log = (...parts: unknown[]) => story.push(parts.map(String).join(' '))
  const lava = lavaGateway({ storage, secretKey, holdTtlMs: 1000, logger: { info: log, warn: log, error: log } })
  const closed = lava.close()
  gate.resolve(undefined)
  await closed
  const atTheEnd = [...story]
  // Whatever the opening had still to do has had its turn.
  await new Promise((resolve) => setImmediate(resolve))
  expect(story).toEqual(atTheEnd)
  expect(story.filter((entry) => entry !== 'recovery looked')).toEqual(['opened', 'closed'])
  expect(story.at(-1)).toBe('closed')
})

test('answers 503 while it closes, and does not tell the host of a storage that failed', async () => {
  const running = await runningApp({
    lava: { closeTimeoutMs: 50 },
    after: (app, lava) => app.post('/run', lava.balanceGuard({ estimate: '0' }), (_req, res) => void res.json({})),
  })
  const closed = running.lava.close()
  const authorization = `Bearer ${running.token({ customer_id: 'ada', meter_slug: 'chat' })}`
  const guarded = await fetch(`${running.base}/run`, { method: 'POST', headers: { authorization } })
  const budget = { customer_id: 'ada', meter_slug: 'chat', amount: '1' }
  expect([guarded.status, (await running.call()).status]).toEqual([503, 503])
  await expect(running.lava.openBudget(budget)).rejects.toMatchObject({ code: 'storage_unavailable' })
  await closed
  expect(running.log.filter(({ level }) => level === 'error')).toEqual([])
  await running.close()
})
