// A short chaos run on every storage that is there, and proof that its audit sees what can go wrong.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { audit, type Check } from './audit.ts'
import { chaos, type ChaosRun } from './chaos.ts'
import { isThere, postgresUrl, redisUrl } from './connections.ts'
import { storageKinds, type StorageKind } from './places.ts'
import { figuresOf } from './summary.ts'
import { tamperings } from './tampering.ts'

const isBuilt = (name: string) => existsSync(join(import.meta.dirname, `../../src/storage/${name}.ts`))
const there: Record<StorageKind, boolean> = {
  sqlite: true,
  postgres: isBuilt('postgres') && (await isThere('pg', postgresUrl())),
  redis: isBuilt('redis') && (await isThere('ioredis', redisUrl())),
}

for (const storage of storageKinds) {
  describe.skipIf(!there[storage])(`while two gateways on ${storage} are killed at random`, () => {
    let run: ChaosRun
    beforeAll(async () => {
      run = await chaos({ storage, seconds: 6, kills: 5, pauses: 1, instances: 2, seed: 20261123, onLost: 'release' })
    }, 120_000)

    test('no call, report or payment is lost or counted twice, and nothing is overspent', () => {
      const checks = audit(run.evidence)
      expect(checks.flatMap(({ promise, differences }) => differences.map((each) => `${promise}: ${each}`))).toEqual([])
      expect(checks.filter(({ looked }) => looked === 0)).toEqual([])
    })

    test('calls die with their process, balances are spent, and reports race', () => {
      const figures = figuresOf(run)
      expect(figures.kills).toBeGreaterThanOrEqual(5)
      expect(figures['lost with their process, provider called']).toBeGreaterThan(0)
      expect(figures['settlements on disk at once, at most']).toBeGreaterThan(0)
      expect(figures['calls answered 402']).toBeGreaterThan(0)
      expect([...run.evidence.reports.values()].some(({ answers }) => answers.length > 2)).toBe(true)
    })

    test.each(tamperings)('the audit would see $what', ({ promise, spoil }) => {
      const evidence = structuredClone(run.evidence)
      spoil(evidence)
      expect(broken(audit(evidence))).toContain(promise)
    })
  })
}

test('every check of the audit is shown to fail', () => {
  const promises = new Set(tamperings.map(({ promise }) => promise))
  const empty = { calls: new Map(), reports: new Map(), credits: new Map(), lowest: new Map(), killedAtMs: new Map(), pausedAtMs: new Map(), balances: new Map(), totals: new Map() } // prettier-ignore
  const checks = audit({ customers: [], onLost: 'release', provider: [], lost: new Set(), ends: [], records: [], usage: [], ...empty }) // prettier-ignore
  expect(checks.map(({ promise }) => promise).filter((promise) => !promises.has(promise))).toEqual([])
})

function broken(checks: readonly Check[]): string[] {
  return checks.filter(({ differences }) => differences.length > 0).map(({ promise }) => promise)
}
