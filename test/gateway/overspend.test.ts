// Promise 2: however many calls race, held + spent never passes the balance.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { formatMoney, money, parseMoney } from '../../src/money.ts'
import { memoryStorage } from '../../src/storage/memory.ts'
import { sqliteStorage } from '../../src/storage/sqlite.ts'
import { chatMeter, runningApp, type RunningApp } from '../support/running-app.ts'

let running: RunningApp | undefined
afterEach(() => running?.close())

const folder = mkdtempSync(join(tmpdir(), 'lava-overspend-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const storages = {
  memory: () => memoryStorage(),
  sqlite: () => sqliteStorage({ path: join(folder, 'lava.db') }),
}

// litellm#34732, LibreChat PR#15879, elizaOS#10857: concurrent calls passed before spend was recorded.
describe.each(Object.entries(storages))(
  '200 parallel calls of a customer who can pay for 10, on %s',
  (_name, storage) => {
    test('reach the provider at most 10 times, and what is charged is what the balance lost', async () => {
      // A fixed meter, so that the hold of a call (100 output tokens and its input) is known exactly.
      const meter = { ...chatMeter, rate_type: 'fixed' as const, tiers: [{ start: '0', rate: '100' }] }
      running = await runningApp({
        behaviour: { inputTokens: 1, outputTokens: 100 },
        lava: { storage: storage(), meters: [meter] },
      })
      const { lava, provider } = running
      await lava.credit({ customer_id: 'probe', amount: '1', entry_id: 'probe' })
      const probe = await running.call({ credential: running.token({ customer_id: 'probe', meter_slug: 'chat' }) })
      expect(probe.status).toBe(200)
      const held = (await running.recordsDone(1))[0]?.held ?? ''
      const callsBefore = provider.callCount

      const credit = money(parseMoney(held) * 10n)
      await lava.credit({ customer_id: 'ada', amount: formatMoney(credit), entry_id: 'ten-calls' })
      const gate = provider.gate()
      const app = running
      const answers = Array.from({ length: 200 }, () => app.call())
      // The refused are answered while the admitted still wait for the provider.
      const refused: number[] = []
      await new Promise<void>((resolve, reject) => {
        for (const answer of answers)
          answer.then(({ status }) => {
            refused.push(status)
            if (refused.length === 190) resolve()
          }, reject)
      })
      expect(new Set(refused)).toEqual(new Set([402]))
      await provider.waitForCalls(callsBefore + 10)
      expect(provider.callCount - callsBefore).toBe(10)
      gate.release()
      expect((await Promise.all(answers)).filter(({ status }) => status === 200)).toHaveLength(10)

      const records = (await running.recordsDone(11)).filter((record) => record.customer_id === 'ada')
      expect(records).toHaveLength(10)
      const charged = records.reduce((sum, record) => sum + parseMoney(record.charge?.amount ?? '0'), 0n)
      const { available } = await lava.canAfford({ customer_id: 'ada', amount: '0' })
      expect(parseMoney(available)).toBe(credit - charged)
      expect(parseMoney(available)).toBeGreaterThanOrEqual(0n)
    })
  },
)
