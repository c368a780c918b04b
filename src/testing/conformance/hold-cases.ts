// Cases of holds: what a balance covers, how a hold ends, when it expires.
import assert from 'node:assert/strict'
import { formatMoney, parseMoney } from '../../money.ts'
import type { RequestRecord } from '../../ledger/request-record.ts'
import type { StorageAdapter } from '../../ledger/storage-adapter.ts'
import {
  countOutcomes,
  creditAct,
  expectBalance,
  holdAct,
  noonMs,
  releaseAct,
  settleAct,
  type CaseBody,
} from './subject.ts'

const minuteMs = 60_000

export const holdCases: Record<string, CaseBody> = {
  async 'holds up to the last unit of the balance and refuses one more'({ storage }) {
    await storage.credit(creditAct('grant', '1'))
    const first = await storage.hold(holdAct('first', '0.9999999999'))
    assert.equal(first.outcome, 'held')
    const second = await storage.hold(holdAct('second', '0.0000000002'))
    assert.deepEqual(second, { outcome: 'insufficient', balance: await storage.balance('ann') })
    assert.equal(await storage.request('second'), null, 'a refused hold leaves no record')
    assert.equal((await storage.hold(holdAct('third', '0.0000000001'))).outcome, 'held')
    await expectBalance(storage, { bundle: '1', held: '1' })
  },

  async 'answers a hold with the balance after it'({ storage }) {
    await storage.credit(creditAct('grant', '5'))
    const held = await storage.hold(holdAct('request', '2'))
    assert.deepEqual(held, { outcome: 'held', balance: await storage.balance('ann') })
    await expectBalance(storage, { bundle: '5', held: '2' })
    assert.deepEqual(await storage.request('request'), holdAct('request', '2').record)
  },

  async 'makes a hold that may be durable later at once, for everybody'({ storage, reopen }) {
    await storage.credit(creditAct('grant', '5'))
    const again = await reopen()
    const held = await storage.hold(holdAct('request', '2', { durable_later: true }))
    assert.ok(held.outcome === 'held')
    for (const adapter of [storage, again]) {
      await expectBalance(adapter, { bundle: '5', held: '2' })
      assert.deepEqual(await adapter.request('request'), holdAct('request', '2').record)
    }
    assert.deepEqual(held.balance, await storage.balance('ann'))
    const nothing: unknown = await held.durable
    assert.equal(nothing, undefined, '`durable` resolves with nothing')
    assert.equal((await again.settle(settleAct('request', '1'))).outcome, 'settled')
    await expectBalance(storage, { bundle: '4' })
  },

  async 'answers a repeated or refused hold alike, whether it may be durable later or not'({ storage }) {
    await storage.credit(creditAct('grant', '5'))
    await storage.hold(holdAct('request', '2', { durable_later: true }))
    for (const act of [
      holdAct('request', '2'),
      holdAct('request', '2', { fingerprint: 'other' }),
      holdAct('more', '4'),
    ])
      assert.deepEqual(await storage.hold({ ...act, durable_later: true }), await storage.hold(act))
    await expectBalance(storage, { bundle: '5', held: '2' })
  },

  async 'lets a hold go below zero by the overdraft and no further'({ storage }) {
    await storage.credit(creditAct('grant', '1'))
    const overdraft = parseMoney('0.5')
    assert.equal((await storage.hold(holdAct('over', '1.6', { overdraft }))).outcome, 'insufficient')
    assert.equal((await storage.hold(holdAct('within', '1.5', { overdraft }))).outcome, 'held')
    assert.equal((await storage.hold(holdAct('more', '0.0000000001', { overdraft }))).outcome, 'insufficient')
    await storage.settle(settleAct('within', '1.5'))
    await expectBalance(storage, { bundle: '-0.5' })
  },

  async 'asks only for something available when a hold requires `positive`'({ storage }) {
    await storage.credit(creditAct('grant', '0.01'))
    const requires = 'positive'
    assert.equal((await storage.hold(holdAct('first', '3', { requires }))).outcome, 'held')
    assert.equal((await storage.hold(holdAct('second', '3', { requires }))).outcome, 'insufficient')
    assert.equal((await storage.hold(holdAct('stranger', '0', { requires, record: ben }))).outcome, 'insufficient')
    await expectBalance(storage, { bundle: '0.01', held: '3' })
  },

  async 'always holds when a hold requires `nothing`'({ storage }) {
    assert.equal((await storage.hold(holdAct('first', '3', { requires: 'nothing' }))).outcome, 'held')
    assert.equal((await storage.hold(holdAct('second', '4', { requires: 'nothing' }))).outcome, 'held')
    await expectBalance(storage, { held: '7' })
  },

  async 'holds nothing for an unknown customer without credit, but nothing costs nothing'({ storage }) {
    const refused = await storage.hold(holdAct('paid', '0.0000000001', { record: ben }))
    assert.equal(refused.outcome, 'insufficient')
    assert.equal((await storage.hold(holdAct('free', '0', { record: ben }))).outcome, 'held')
    await expectBalance(storage, {}, 'ben')
  },

  async 'sets no money aside when the merchant pays'({ storage }) {
    const record = { customer_id: null }
    const held = await storage.hold(holdAct('own', '5', { record }))
    assert.deepEqual(held, { outcome: 'held', balance: null })
    const settled = await storage.settle(settleAct('own', '2', { record }))
    assert.ok(settled.outcome === 'settled')
    assert.equal(settled.balance, null)
    assert.equal(settled.record.balance_after, null)
    await storage.hold(holdAct('other', '5', { record }))
    const released = await storage.release({ record: { ...releaseAct('other').record, ...record }, lost: false })
    assert.ok(released.outcome === 'released')
    assert.equal(released.record.balance_after, null)
  },

  async 'frees the whole hold at release and charges nothing'({ storage }) {
    await storage.credit(creditAct('grant', '5'))
    await storage.hold(holdAct('request', '2'))
    await storage.hold(holdAct('other', '1'))
    const released = await storage.release(releaseAct('request'))
    assert.ok(released.outcome === 'released')
    assert.equal(released.record.balance_after, '5.0000000000')
    assert.deepEqual(await storage.request('request'), released.record)
    await expectBalance(storage, { bundle: '5', held: '1' })
  },

  async 'lists expired holds, the earliest first, and no finished ones'({ storage }) {
    for (const [index, minutes] of [3, 1, 2, 9].entries())
      await holdUntil(storage, `request-${index}`, noonMs + minutes * minuteMs)
    await holdUntil(storage, 'settled', noonMs)
    await storage.settle(settleAct('settled', '0'))
    await holdUntil(storage, 'released', noonMs)
    await storage.release(releaseAct('released'))

    assert.deepEqual(idsOf(await storage.expired(noonMs + minuteMs - 1, 10)), [])
    assert.deepEqual(idsOf(await storage.expired(noonMs + 3 * minuteMs, 10)), ['request-1', 'request-2', 'request-0'])
    assert.deepEqual(idsOf(await storage.expired(noonMs + 9 * minuteMs, 2)), ['request-1', 'request-2'])
  },

  async 'moves the expiry of an open hold only'({ storage }) {
    await holdUntil(storage, 'request', noonMs)
    const renew = { request_id: 'request', expires_at_ms: noonMs + minuteMs }
    assert.deepEqual(await storage.renew(renew), { outcome: 'renewed' })
    assert.deepEqual(await storage.expired(noonMs + minuteMs - 1, 10), [])
    assert.deepEqual(idsOf(await storage.expired(noonMs + minuteMs, 10)), ['request'])
    await storage.release(releaseAct('request', { lost: true }))
    assert.deepEqual(await storage.renew(renew), { outcome: 'not_held' })
    assert.deepEqual(await storage.renew({ ...renew, request_id: 'unknown' }), { outcome: 'not_held' })
    assert.deepEqual(await storage.expired(noonMs + minuteMs, 10), [])
  },

  async 'lets recovery finish a hold only while it is open and expired'({ storage }) {
    await storage.credit(creditAct('grant', '5'))
    await storage.hold(holdAct('request', '1', { expires_at_ms: noonMs }))
    await storage.renew({ request_id: 'request', expires_at_ms: noonMs + minuteMs })
    const early = { if_expired_at_ms: noonMs + minuteMs - 1 }
    const due = { if_expired_at_ms: noonMs + minuteMs }
    assert.equal((await storage.release(releaseAct('request', { lost: true, ...early }))).outcome, 'not_held')
    assert.equal((await storage.settle(settleAct('request', '1', early))).outcome, 'not_held')
    await expectBalance(storage, { bundle: '5', held: '1' })
    assert.equal((await storage.settle(settleAct('request', '1', due))).outcome, 'settled')
    assert.equal((await storage.settle(settleAct('request', '1', due))).outcome, 'not_held')
    assert.equal((await storage.release(releaseAct('request', { lost: true, ...due }))).outcome, 'not_held')
    assert.equal((await storage.settle(settleAct('unknown', '1', due))).outcome, 'not_held')
    await expectBalance(storage, { bundle: '4' })
  },

  async 'takes the late settlement of a lost hold once'({ storage }) {
    await storage.credit(creditAct('grant', '5'))
    await storage.hold(holdAct('request', '1'))
    await storage.release(releaseAct('request', { lost: true, if_expired_at_ms: noonMs + minuteMs }))
    await expectBalance(storage, { bundle: '5' })
    const late = await Promise.all([0, 1, 2].map(() => storage.settle(settleAct('request', '0.7'))))
    assert.deepEqual(countOutcomes(late), { settled: 1, duplicate: 2 })
    await expectBalance(storage, { bundle: '4.3' })
    assert.equal((await storage.request('request'))?.status, 'completed')
  },

  async 'takes no settlement of a hold that was released for good'({ storage }) {
    await storage.credit(creditAct('grant', '5'))
    await storage.hold(holdAct('request', '1'))
    const released = await storage.release(releaseAct('request'))
    assert.ok(released.outcome === 'released')
    const late = await storage.settle(settleAct('request', '0.7'))
    assert.deepEqual(late, { outcome: 'duplicate', record: released.record })
    await expectBalance(storage, { bundle: '5' })
  },

  async 'does not know a settlement, release or renewal of an id that was never held'({ storage }) {
    assert.deepEqual(await storage.settle(settleAct('request', '1')), { outcome: 'not_held' })
    assert.deepEqual(await storage.release(releaseAct('request')), { outcome: 'not_held' })
    assert.equal(await storage.request('request'), null)
    await expectBalance(storage, {})
  },

  async 'frees what was held, whatever the settled record says of it'({ storage }) {
    await storage.credit(creditAct('grant', '5'))
    await storage.hold(holdAct('request', '2'))
    await storage.settle(settleAct('request', '1', { record: { held: formatMoney(parseMoney('9')) } }))
    await expectBalance(storage, { bundle: '4' })
  },
}

const ben = { customer_id: 'ben' }

function holdUntil(storage: StorageAdapter, request_id: string, expires_at_ms: number) {
  return storage.hold(holdAct(request_id, '0', { expires_at_ms }))
}

function idsOf(records: readonly RequestRecord[]): string[] {
  return records.map(({ request_id }) => request_id)
}
