// Cases of repeated acts: each happens once under its id, and an id is never used for two things.
import assert from 'node:assert/strict'
import { parseMoney } from '../../money.ts'
import {
  countOutcomes,
  creditAct,
  expectBalance,
  holdAct,
  race,
  releaseAct,
  settleAct,
  type CaseBody,
} from './subject.ts'

export const retryCases: Record<string, CaseBody> = {
  async 'holds once, however often a hold is repeated'({ storage }) {
    await storage.credit(creditAct('grant', '10'))
    const outcomes = await race(20, () => storage.hold(holdAct('request', '1')))
    assert.deepEqual(countOutcomes(outcomes), { held: 1, duplicate: 19 })
    assert.equal((await storage.hold(holdAct('request', '1'))).outcome, 'duplicate')
    await expectBalance(storage, { bundle: '10', held: '1' })
  },

  async 'settles once, however often a settlement is repeated'({ storage }) {
    await storage.credit(creditAct('grant', '10'))
    await storage.hold(holdAct('request', '1'))
    const outcomes = await race(20, () => storage.settle(settleAct('request', '0.75')))
    assert.deepEqual(countOutcomes(outcomes), { settled: 1, duplicate: 19 })
    const first = await storage.request('request')
    assert.equal(first?.balance_after, '9.2500000000')
    const again = await storage.settle(settleAct('request', '0.75'))
    assert.deepEqual(again, { outcome: 'duplicate', record: first })
    await expectBalance(storage, { bundle: '9.25' })
  },

  async 'releases once, however often a release is repeated'({ storage }) {
    await storage.credit(creditAct('grant', '10'))
    await storage.hold(holdAct('kept', '2'))
    await storage.hold(holdAct('request', '1'))
    const outcomes = await race(20, () => storage.release(releaseAct('request')))
    assert.deepEqual(countOutcomes(outcomes), { released: 1, not_held: 19 })
    assert.deepEqual(await storage.release(releaseAct('request')), { outcome: 'not_held' })
    await expectBalance(storage, { bundle: '10', held: '2' })
  },

  async 'adds a credit once, however often it is repeated'({ storage }) {
    const outcomes = await race(20, () => storage.credit(creditAct('payment', '3')))
    assert.deepEqual(countOutcomes(outcomes), { credited: 1, duplicate: 19 })
    const again = await storage.credit(creditAct('payment', '3', { created_at: '2026-04-01T00:00:00.000Z' }))
    assert.deepEqual(again, { outcome: 'duplicate', balance: await storage.balance('ann') })
    await expectBalance(storage, { bundle: '3' })
  },

  async 'takes a report once and counts its units once, however often it is repeated'({ storage }) {
    await storage.credit(creditAct('grant', '10'))
    const key = { customer_id: 'ann', meter_id: 'chat', cycle: '' }
    const report = settleAct('report', '2', { opens: true, total: { ...key, units: 5n, expected_total: null } })
    const outcomes = await race(20, () => storage.settle(report))
    assert.deepEqual(countOutcomes(outcomes), { settled: 1, duplicate: 19 })
    assert.equal((await storage.settle(report)).outcome, 'duplicate')
    assert.equal(await storage.meterTotal(key), 5n)
    await expectBalance(storage, { bundle: '8' })
  },

  async 'answers the repeated hold of a finished request with its record'({ storage }) {
    await storage.credit(creditAct('grant', '10'))
    await storage.hold(holdAct('settled', '1'))
    await storage.settle(settleAct('settled', '0.5'))
    await storage.hold(holdAct('lost', '1'))
    await storage.release(releaseAct('lost', { lost: true }))
    for (const request_id of ['settled', 'lost']) {
      const record = await storage.request(request_id)
      assert.deepEqual(await storage.hold(holdAct(request_id, '1')), { outcome: 'duplicate', record })
    }
    await expectBalance(storage, { bundle: '9.5' })
  },

  async 'answers `duplicate` to a hold although the balance no longer covers it'({ storage }) {
    await storage.credit(creditAct('grant', '1'))
    await storage.hold(holdAct('request', '1'))
    assert.equal((await storage.hold(holdAct('request', '1'))).outcome, 'duplicate')
    assert.equal((await storage.hold(holdAct('other', '1'))).outcome, 'insufficient')
  },

  async 'refuses an id that is used again for other content'({ storage }) {
    await storage.credit(creditAct('grant', '10'))
    const fingerprint = 'other content'
    await storage.hold(holdAct('request', '1'))
    const pending = await storage.request('request')
    const other = { opens: true, fingerprint }
    assert.deepEqual(await storage.hold(holdAct('request', '2', { fingerprint })), {
      outcome: 'reused',
      record: pending,
    })
    assert.deepEqual(await storage.settle(settleAct('request', '3', other)), { outcome: 'reused', record: pending })
    await expectBalance(storage, { bundle: '10', held: '1' })

    await storage.settle(settleAct('request', '1'))
    const record = await storage.request('request')
    assert.deepEqual(await storage.hold(holdAct('request', '2', { fingerprint })), { outcome: 'reused', record })
    assert.deepEqual(await storage.settle(settleAct('request', '3', other)), { outcome: 'reused', record })
    assert.deepEqual(await storage.settle(settleAct('request', '3', { fingerprint })), { outcome: 'reused', record })
    await expectBalance(storage, { bundle: '9' })
  },

  async 'refuses a report whose id another report has used'({ storage }) {
    const first = await storage.settle(settleAct('report', '1', { opens: true }))
    assert.ok(first.outcome === 'settled')
    const second = await storage.settle(settleAct('report', '1', { opens: true, fingerprint: 'other content' }))
    assert.deepEqual(second, { outcome: 'reused', record: first.record })
    await expectBalance(storage, { bundle: '-1' })
  },

  async 'refuses an entry id that is used again for another customer, amount or part'({ storage }) {
    await storage.credit(creditAct('payment', '3'))
    for (const other of [{ customer_id: 'ben' }, { amount: parseMoney('4') }, { part: 'cycle' as const }])
      assert.deepEqual(await storage.credit(creditAct('payment', '3', other)), { outcome: 'reused' })
    await expectBalance(storage, { bundle: '3' })
    await expectBalance(storage, {}, 'ben')
  },

  async 'keeps the fingerprint of the hold when recovery, which does not know it, charges'({ storage }) {
    await storage.hold(holdAct('request', '1', { requires: 'nothing' }))
    const recovery = settleAct('request', '1', { fingerprint: '', if_expired_at_ms: Number.MAX_SAFE_INTEGER })
    assert.equal((await storage.settle(recovery)).outcome, 'settled')
    assert.equal((await storage.settle(settleAct('request', '0.4'))).outcome, 'duplicate')
    assert.equal((await storage.hold(holdAct('request', '1'))).outcome, 'duplicate')
    await expectBalance(storage, { bundle: '-1' })
  },
}
