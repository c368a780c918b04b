// Cases of renewals that change what is held: more within the balance, less at any time, never twice.
import assert from 'node:assert/strict'
import { formatMoney, parseMoney } from '../../money.ts'
import {
  countOutcomes,
  creditAct,
  expectBalance,
  holdAct,
  noonMs,
  race,
  releaseAct,
  renewAct,
  settleAct,
  type CaseBody,
} from './subject.ts'

const laterMs = noonMs + 300_000

export const renewCases: Record<string, CaseBody> = {
  async 'raises a hold up to the last unit of the balance, and says so in its record'({ storage }) {
    await storage.credit(creditAct('grant', '1'))
    await storage.hold(holdAct('request', '0.25'))
    await storage.hold(holdAct('other', '0.5'))
    const raise = renewAct('request', '0.5', { expires_at_ms: laterMs })
    assert.deepEqual(await storage.renew(raise), { outcome: 'renewed' })
    await expectBalance(storage, { bundle: '1', held: '1' })
    assert.equal((await storage.request('request'))?.held, '0.5000000000')
    assert.deepEqual(await storage.expired(laterMs - 1, 10), [await storage.request('other')])
    assert.deepEqual((await storage.expired(laterMs, 10))[1], await storage.request('request'))
    assert.deepEqual((await storage.requests({ customer_id: 'ann', limit: 2 })).data[1]?.held, '0.5000000000')
  },

  async 'refuses to raise a hold beyond the balance, and changes nothing'({ storage }) {
    await storage.credit(creditAct('grant', '1'))
    await storage.hold(holdAct('request', '0.75', { expires_at_ms: noonMs }))
    const before = await storage.request('request')
    const refused = await storage.renew(renewAct('request', '1.0000000001', { expires_at_ms: laterMs }))
    assert.deepEqual(refused, { outcome: 'insufficient', balance: await storage.balance('ann') })
    await expectBalance(storage, { bundle: '1', held: '0.75' })
    assert.deepEqual(await storage.expired(noonMs, 10), [before])
    assert.equal((await storage.renew(renewAct('request', '1'))).outcome, 'renewed')
  },

  async 'raises a hold below zero by the overdraft, and by any amount when nothing is required'({ storage }) {
    await storage.credit(creditAct('grant', '1'))
    await storage.hold(holdAct('request', '1'))
    const overdraft = parseMoney('0.5')
    assert.equal((await storage.renew(renewAct('request', '1.6', { overdraft }))).outcome, 'insufficient')
    assert.equal((await storage.renew(renewAct('request', '1.5', { overdraft }))).outcome, 'renewed')
    assert.equal((await storage.renew(renewAct('request', '9', { requires: 'nothing' }))).outcome, 'renewed')
    await expectBalance(storage, { bundle: '1', held: '9' })
  },

  async 'frees what a hold is lowered by, whatever the balance'({ storage }) {
    await storage.credit(creditAct('grant', '1'))
    await storage.hold(holdAct('request', '1'))
    await storage.settle(settleAct('report', '5', { opens: true }))
    assert.equal((await storage.renew(renewAct('request', '0.25'))).outcome, 'renewed')
    assert.equal((await storage.renew(renewAct('request', '0.25'))).outcome, 'renewed')
    await expectBalance(storage, { bundle: '-4', held: '0.25' })
    assert.equal((await storage.renew(renewAct('request', '0.3'))).outcome, 'insufficient')
    await expectBalance(storage, { bundle: '-4', held: '0.25' })
    assert.equal((await storage.request('request'))?.held, '0.2500000000')
  },

  async 'sets what is held, however often a renewal is repeated'({ storage, reopen }) {
    const other = await reopen()
    await storage.credit(creditAct('grant', '5'))
    await storage.hold(holdAct('request', '1'))
    const outcomes = await race(20, (index) => (index % 2 ? storage : other).renew(renewAct('request', '3')))
    assert.deepEqual(countOutcomes(outcomes), { renewed: 20 })
    await expectBalance(storage, { bundle: '5', held: '3' })
  },

  async 'never overspends while holds are raised at the same time'({ storage, reopen }) {
    const other = await reopen()
    await storage.credit(creditAct('grant', '10'))
    for (let index = 0; index < 40; index++) await storage.hold(holdAct(`request-${index}`, '0.1'))
    const outcomes = await race(40, (index) => (index % 2 ? storage : other).renew(renewAct(`request-${index}`, '0.7')))
    assert.deepEqual(countOutcomes(outcomes), { renewed: 10, insufficient: 30 })
    await expectBalance(other, { bundle: '10', held: '10' })
  },

  async 'frees all of a raised hold when it is settled, released or given up'({ storage }) {
    await storage.credit(creditAct('grant', '9'))
    for (const request_id of ['settled', 'released', 'lost']) {
      await storage.hold(holdAct(request_id, '1'))
      assert.equal((await storage.renew(renewAct(request_id, '3'))).outcome, 'renewed')
    }
    await expectBalance(storage, { bundle: '9', held: '9' })
    assert.equal((await storage.settle(settleAct('settled', '2'))).outcome, 'settled')
    await storage.release(releaseAct('released'))
    await storage.release(releaseAct('lost', { lost: true, if_expired_at_ms: laterMs }))
    await expectBalance(storage, { bundle: '7' })
  },

  async 'leaves nothing held when a hold is raised while it is finished'({ storage, reopen }) {
    const other = await reopen()
    await storage.credit(creditAct('grant', '100'))
    for (let round = 0; round < 20; round++) {
      const request_id = `round-${round}`
      await storage.hold(holdAct(request_id, '1'))
      const raise = () => other.renew(renewAct(request_id, '2'))
      const finish = () =>
        round % 4 < 2 ? storage.settle(settleAct(request_id, '0.5')) : storage.release(releaseAct(request_id))
      const acts: (() => Promise<{ outcome: string }>)[] = round % 2 ? [raise, finish] : [finish, raise]
      const { renewed = 0, not_held = 0 } = countOutcomes(await Promise.all(acts.map((act) => act())))
      assert.equal(renewed + not_held, 1)
      assert.notEqual((await storage.request(request_id))?.status, 'pending')
      await expectBalance(storage, { bundle: formatMoney((await storage.balance('ann')).bundle) })
    }
    await expectBalance(storage, { bundle: '95' })
  },

  async 'changes nothing of a request that was finished or never held'({ storage }) {
    await storage.credit(creditAct('grant', '5'))
    for (const request_id of ['settled', 'lost']) await storage.hold(holdAct(request_id, '1'))
    await storage.settle(settleAct('settled', '1'))
    await storage.release(releaseAct('lost', { lost: true }))
    for (const request_id of ['settled', 'lost', 'unknown']) {
      const before = await storage.request(request_id)
      assert.deepEqual(await storage.renew(renewAct(request_id, '2')), { outcome: 'not_held' })
      assert.deepEqual(await storage.request(request_id), before)
    }
    await expectBalance(storage, { bundle: '4' })
  },

  async 'sets nothing aside by a renewal when the merchant pays'({ storage }) {
    const record = { customer_id: null }
    await storage.hold(holdAct('request', '5', { record }))
    assert.deepEqual(await storage.renew(renewAct('request', '7', { record })), { outcome: 'renewed' })
    assert.equal((await storage.request('request'))?.held, '7.0000000000')
    const settled = await storage.settle(settleAct('request', '2', { record }))
    assert.equal(settled.outcome, 'settled')
  },
}
