// Cases of acts that meet: retries from two sides, recovery against renewal, pages among writes, a close under way.
import assert from 'node:assert/strict'
import type { RequestsQuery, StorageAdapter } from '../../ledger/storage-adapter.ts'
import {
  countOutcomes,
  creditAct,
  expectBalance,
  holdAct,
  noonMs,
  race,
  releaseAct,
  settleAct,
  type CaseBody,
} from './subject.ts'

export const concurrentCases: Record<string, CaseBody> = {
  async 'carries out each act once when two adapters repeat it at the same time'({ storage, reopen }) {
    const other = await reopen()
    const both = (act: (adapter: StorageAdapter) => Promise<{ outcome: string }>) =>
      race(12, (index) => act(index % 2 ? storage : other)).then(countOutcomes)
    const key = { customer_id: 'ann', meter_id: 'chat', cycle: '' }
    const report = settleAct('report', '1', { opens: true, total: { ...key, units: 3n, expected_total: null } })
    const document = { kind: 'key', id: 'first', document: {}, only_if_absent: true }

    assert.deepEqual(await both((adapter) => adapter.credit(creditAct('grant', '10'))), { credited: 1, duplicate: 11 })
    for (const id of ['settled', 'released'])
      assert.deepEqual(await both((adapter) => adapter.hold(holdAct(id, '2'))), { held: 1, duplicate: 11 })
    await expectBalance(storage, { bundle: '10', held: '4' })
    const renewal = { request_id: 'settled', expires_at_ms: noonMs }
    assert.deepEqual(await both((adapter) => adapter.renew(renewal)), { renewed: 12 })
    const settled = await both((adapter) => adapter.settle(settleAct('settled', '1.5')))
    assert.deepEqual(settled, { settled: 1, duplicate: 11 })
    const released = await both((adapter) => adapter.release(releaseAct('released')))
    assert.deepEqual(released, { released: 1, not_held: 11 })
    assert.deepEqual(await both((adapter) => adapter.settle(report)), { settled: 1, duplicate: 11 })
    assert.deepEqual(await both((adapter) => adapter.putDocument(document)), { written: 1, exists: 11 })
    assert.equal(await other.meterTotal(key), 3n)
    await expectBalance(other, { bundle: '7.5' })
  },

  async 'lets either recovery or a renewal have an expired hold, never both'({ storage, reopen }) {
    const other = await reopen()
    await storage.credit(creditAct('grant', '20'))
    for (let round = 0; round < 20; round++) {
      const request_id = `round-${round}`
      await storage.hold(holdAct(request_id, '1', { expires_at_ms: noonMs }))
      const recover = () => other.release(releaseAct(request_id, { lost: true, if_expired_at_ms: noonMs }))
      const renew = () => storage.renew({ request_id, expires_at_ms: noonMs + 60_000 })
      const acts: (() => Promise<{ outcome: string }>)[] = round % 2 ? [recover, renew] : [renew, recover]
      const outcomes = countOutcomes(await Promise.all(acts.map((act) => act())))
      assert.equal((outcomes.renewed ?? 0) + (outcomes.released ?? 0), 1, JSON.stringify(outcomes))
      assert.equal((await storage.request(request_id))?.status, outcomes.renewed ? 'pending' : 'error')
      if (outcomes.renewed) await storage.release(releaseAct(request_id))
    }
    await expectBalance(storage, { bundle: '20' })
  },

  async 'draws down cycle credit before bundle credit while charges race'({ storage }) {
    await storage.credit(creditAct('cycle', '3', { part: 'cycle' }))
    await storage.credit(creditAct('bundle', '2'))
    const settled = await race(60, (index) => storage.settle(settleAct(`report-${index}`, '0.1', { opens: true })))
    for (const outcome of settled) {
      assert.ok(outcome.outcome === 'settled' && outcome.balance)
      const { cycle, bundle } = outcome.balance
      assert.ok(cycle === 0n || bundle === 20_000_000_000n, 'bundle credit is whole while cycle credit is left')
    }
    const after = settled.map((outcome) => (outcome.outcome === 'settled' ? outcome.record.balance_after : null))
    assert.equal(new Set(after).size, 60, 'each charge leaves a balance of its own')
    await expectBalance(storage, { bundle: '-1' })
  },

  async 'shows each caller what its act wrote as soon as it resolves'({ storage }) {
    await storage.credit(creditAct('grant', '100'))
    await race(100, async (index) => {
      const request_id = `request-${index}`
      const customer_id = `customer-${index}`
      assert.equal((await storage.hold(holdAct(request_id, '0.5'))).outcome, 'held')
      assert.equal((await storage.request(request_id))?.status, 'pending')
      assert.equal((await storage.settle(settleAct(request_id, '0.25'))).outcome, 'settled')
      assert.equal((await storage.request(request_id))?.status, 'completed')
      await storage.credit(creditAct(`grant-${index}`, '1', { customer_id }))
      await expectBalance(storage, { bundle: '1' }, customer_id)
    })
    await expectBalance(storage, { bundle: '75' })
  },

  async 'never skips or repeats a row on pages that are read while others write'({ storage, reopen }) {
    const other = await reopen()
    const queries: Omit<RequestsQuery, 'limit'>[] = [{}, { customer_id: 'ann' }, { metadata: { team: 'red' } }]
    const record = { metadata: { team: 'red' } }
    for (let index = 0; index < 30; index++) await storage.hold(holdAct(`old-${index}`, '0', { record }))
    const old = Array.from({ length: 30 }, (_, index) => `old-${29 - index}`)
    let reading = queries.length
    const write = async (adapter: StorageAdapter, writer: string) => {
      for (let index = 0; reading > 0; index++) {
        await adapter.hold(holdAct(`${writer}-${index}`, '0', { record }))
        if (index < 30) await adapter.settle(settleAct(`old-${index}`, '0', { record }))
      }
    }
    const read = async (query: Omit<RequestsQuery, 'limit'>) => {
      const seen: string[] = []
      try {
        for (let cursor: string | null | undefined; cursor !== null;) {
          const page = await storage.requests({ ...query, limit: 4, ...(cursor === undefined ? {} : { cursor }) })
          seen.push(...page.data.map(({ request_id }) => request_id))
          cursor = page.next_cursor
        }
      } finally {
        reading--
      }
      assert.equal(new Set(seen).size, seen.length, 'no row comes twice')
      assert.deepEqual(
        seen.filter((id) => id.startsWith('old-')),
        old,
      )
    }
    await Promise.all([write(storage, 'first'), write(other, 'second'), ...queries.map(read)])
  },

  async 'finishes the acts under way when it is closed while busy'({ storage, reopen }) {
    await storage.credit(creditAct('grant', '10'))
    await storage.hold(holdAct('held', '1'))
    const holds = race(200, (index) => storage.hold(holdAct(`request-${index}`, '0.01')))
    const settlement = storage.settle(settleAct('held', '0.5'))
    const closing = storage.close()
    assert.deepEqual(countOutcomes(await holds), { held: 200 })
    assert.equal((await settlement).outcome, 'settled')
    await closing
    await assert.rejects(storage.balance('ann'), Error)
    const again = await reopen()
    await expectBalance(again, { bundle: '9.5', held: '2' })
  },
}
