// Cases of money: exact amounts, the order of drawing down, totals, and a long walk beside a model.
import assert from 'node:assert/strict'
import { formatMoney, money, parseMoney, unitsPerDollar } from '../../money.ts'
import { drawWith } from './draw.ts'
import { creditAct, expectBalance, holdAct, noonMs, releaseAct, settleAct, type CaseBody } from './subject.ts'

export const moneyCases: Record<string, CaseBody> = {
  async 'draws down cycle credit first, then bundle credit, then goes below zero'({ storage }) {
    await storage.credit(creditAct('cycle', '3', { part: 'cycle' }))
    await storage.credit(creditAct('bundle', '2'))
    await storage.settle(settleAct('first', '1', { opens: true }))
    await expectBalance(storage, { cycle: '2', bundle: '2' })
    await storage.settle(settleAct('second', '2.5', { opens: true }))
    await expectBalance(storage, { bundle: '1.5' })
    await storage.settle(settleAct('third', '4', { opens: true }))
    await expectBalance(storage, { bundle: '-2.5' })
    await storage.credit(creditAct('more', '3', { part: 'cycle' }))
    await expectBalance(storage, { cycle: '3', bundle: '-2.5' })
  },

  async 'takes a charge above its hold'({ storage }) {
    await storage.credit(creditAct('grant', '1'))
    await storage.hold(holdAct('request', '0.5'))
    const settled = await storage.settle(settleAct('request', '1.75'))
    assert.ok(settled.outcome === 'settled')
    assert.equal(settled.record.balance_after, '-0.7500000000')
    assert.deepEqual(settled.balance, await storage.balance('ann'))
    await expectBalance(storage, { bundle: '-0.75' })
  },

  async 'keeps ten decimals exact at large amounts'({ storage }) {
    // Above 2^53 units, where a float loses the last digits; below 2^63.
    await storage.credit(creditAct('grant', '900000000.0000000003'))
    await storage.hold(holdAct('request', '899999999.0000000002'))
    await expectBalance(storage, { bundle: '900000000.0000000003', held: '899999999.0000000002' })
    const settled = await storage.settle(
      settleAct('request', '800000000.0000000001', { record: { cost: '700000000.0000000001' } }),
    )
    assert.ok(settled.outcome === 'settled')
    assert.equal(settled.record.balance_after, '100000000.0000000002')
    await expectBalance(storage, { bundle: '100000000.0000000002' })
    await storage.settle(
      settleAct('other', '800000000.0000000002', { opens: true, record: { cost: '700000000.0000000002' } }),
    )
    const range = { start_ms: noonMs, end_ms: noonMs, utc_offset_minutes: 0 }
    const [day] = await storage.usage(range)
    assert.equal(formatMoney(day?.total_charge ?? money(0n)), '1600000000.0000000003')
    assert.equal(formatMoney(day?.total_cost ?? money(0n)), '1400000000.0000000003')
  },

  async 'keeps a total of units exact at large amounts'({ storage }) {
    const key = { customer_id: 'ann', meter_id: 'chat', cycle: '2026-03' }
    const add = (request_id: string, units: bigint) =>
      storage.settle(settleAct(request_id, '0', { opens: true, total: { ...key, units, expected_total: null } }))
    await add('first', 9_007_199_254_740_993n)
    await add('second', 9_007_199_254_740_992n)
    assert.equal(await storage.meterTotal(key), 18_014_398_509_481_985n)
  },

  async 'counts totals by customer, meter and cycle, and moves none when the expected one is gone'({ storage }) {
    const key = { customer_id: 'ann', meter_id: 'chat', cycle: '2026-03' }
    const act = (request_id: string, units: bigint, expected_total: bigint | null) =>
      storage.settle(settleAct(request_id, '1', { opens: true, total: { ...key, units, expected_total } }))
    assert.equal((await act('first', 7n, 0n)).outcome, 'settled')
    assert.deepEqual(await act('second', 5n, 0n), { outcome: 'total_moved', total: 7n })
    assert.equal(await storage.request('second'), null)
    await expectBalance(storage, { bundle: '-1' })
    assert.equal((await act('second', 5n, 7n)).outcome, 'settled')
    assert.equal((await act('third', 1n, null)).outcome, 'settled')
    assert.equal((await act('second', 5n, 0n)).outcome, 'duplicate')
    assert.equal(await storage.meterTotal(key), 13n)
    for (const other of [{ customer_id: 'ben' }, { meter_id: 'tts' }, { cycle: '' }])
      assert.equal(await storage.meterTotal({ ...key, ...other }), 0n)
  },

  async 'keeps a hold open when its settlement finds the total moved'({ storage }) {
    const key = { customer_id: 'ann', meter_id: 'chat', cycle: '' }
    await storage.hold(holdAct('request', '1', { requires: 'nothing' }))
    const moved = await storage.settle(settleAct('request', '1', { total: { ...key, units: 1n, expected_total: 4n } }))
    assert.deepEqual(moved, { outcome: 'total_moved', total: 0n })
    await expectBalance(storage, { held: '1' })
    assert.equal((await storage.request('request'))?.status, 'pending')
  },

  async 'completes a held record and keeps when it began'({ storage }) {
    const created_at = '2026-03-01T11:00:00.000Z'
    await storage.hold(holdAct('request', '0', { record: { created_at } }))
    const act = settleAct('request', '0.5', { record: { model: 'gpt-4o', note: 'done' } })
    const settled = await storage.settle(act)
    assert.ok(settled.outcome === 'settled')
    assert.deepEqual(settled.record, { ...act.record, created_at, balance_after: '-0.5000000000' })
    assert.deepEqual(await storage.request('request'), settled.record)
  },

  async 'charges a record with the status error all the same'({ storage }) {
    await storage.hold(holdAct('request', '1', { requires: 'nothing' }))
    await storage.settle(settleAct('request', '1', { record: { status: 'error' } }))
    assert.equal((await storage.request('request'))?.status, 'error')
    await expectBalance(storage, { bundle: '-1' })
  },

  async 'agrees with a model after every one of 300 random acts'({ storage }) {
    const draw = drawWith(20260301)
    const model = { cycle: 0n, bundle: 0n, open: new Map<string, bigint>() }
    for (let step = 0; step < 300; step++) {
      const units = BigInt(draw(4_000_000)) * 7001n + 1n
      const dollars = formatMoney(money(units))
      const [oldest] = model.open.keys()
      const kind = draw(6)
      if (kind <= 1) {
        const part = kind === 0 ? 'cycle' : 'bundle'
        await storage.credit(creditAct(`credit-${step}`, dollars, { part }))
        model[part] += units
      } else if (kind === 2 && oldest !== undefined) {
        await storage.release(releaseAct(oldest))
        model.open.delete(oldest)
      } else if (kind === 3 && oldest !== undefined) {
        await storage.settle(settleAct(oldest, dollars))
        model.open.delete(oldest)
        const fromCycle = units > model.cycle ? model.cycle : units
        model.cycle -= fromCycle
        model.bundle -= units - fromCycle
      } else {
        const held = [...model.open.values()].reduce((sum, amount) => sum + amount, 0n)
        const fits = model.cycle + model.bundle - held + unitsPerDollar >= units
        const { outcome } = await storage.hold(holdAct(`hold-${step}`, dollars, { overdraft: parseMoney('1') }))
        assert.equal(outcome, fits ? 'held' : 'insufficient', `step ${step}`)
        if (fits) model.open.set(`hold-${step}`, units)
      }
      const held = [...model.open.values()].reduce((sum, amount) => sum + amount, 0n)
      const { cycle, bundle } = model
      assert.deepEqual(await storage.balance('ann'), { cycle, bundle, held }, `step ${step}`)
    }
  },
}
