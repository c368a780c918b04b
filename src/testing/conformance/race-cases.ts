// Cases of racing acts: atomicity, and money that is neither made nor lost.
import assert from 'node:assert/strict'
import { addMoney, formatMoney, money, parseMoney, subtractMoney, zeroMoney, type Money } from '../../money.ts'
import { availableOf, totalOf } from '../../ledger/balance.ts'
import type { MeterTotalKey, StorageAdapter } from '../../ledger/storage-adapter.ts'
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
import { drawWith, type Draw } from './draw.ts'

export const raceCases: Record<string, CaseBody> = {
  async 'lets exactly those of 500 racing holds through that the balance covers'({ storage }) {
    await storage.credit(creditAct('grant', '7.35'))
    const outcomes = await race(500, (index) => storage.hold(holdAct(`race-${index}`, '0.1')))
    assert.deepEqual(countOutcomes(outcomes), { held: 73, insufficient: 427 })
    await expectBalance(storage, { bundle: '7.35', held: '7.3' })
  },

  async 'lets each of the racing holds of two adapters on the same data through once'({ storage, reopen }) {
    const other = await reopen()
    await storage.credit(creditAct('grant', '10'))
    const outcomes = await race(200, (index) =>
      (index % 2 ? storage : other).hold(holdAct(`request-${index >> 1}`, '0.25')),
    )
    assert.deepEqual(countOutcomes(outcomes), { held: 40, duplicate: 40, insufficient: 120 })
    await expectBalance(storage, { bundle: '10', held: '10' })
    await expectBalance(other, { bundle: '10', held: '10' })
  },

  async 'conserves money while holds, settlements, releases and credits race'({ storage, reopen }) {
    const other = await reopen()
    for (const seed of [1, 2, 3]) await conserve(storage, other, seed)
  },

  async 'charges once when settlement, release and recovery race for one hold'({ storage }) {
    await storage.credit(creditAct('grant', '100'))
    for (let round = 0; round < 21; round++) {
      const request_id = `round-${round}`
      await storage.hold(holdAct(request_id, '1'))
      const lost = { lost: true, if_expired_at_ms: noonMs + 60_000 }
      const acts: (() => Promise<{ outcome: string }>)[] = [
        () => storage.settle(settleAct(request_id, '0.5')),
        () => storage.release(releaseAct(request_id)),
        () => storage.release(releaseAct(request_id, lost)),
      ]
      // Each act is the first to start in a third of the rounds.
      const { settled = 0, released = 0 } = countOutcomes(
        await race(3, (index) => acts[(index + round) % 3]?.() ?? never),
      )
      const record = await storage.request(request_id)
      assert.equal(record?.status, settled === 1 ? 'completed' : 'error')
      // A release of recovery does not stand in the way of the settlement, the holder's own does.
      assert.ok(settled === 1 || released === 1, `settled ${settled}, released ${released} times`)
      assert.equal((await storage.balance('ann')).held, zeroMoney)
    }
    const completed = (await storage.requests({ limit: 100 })).data.filter(({ status }) => status === 'completed')
    await expectBalance(storage, { bundle: formatMoney(parseMoney(`${100 - completed.length * 0.5}`)) })
  },

  async 'never shares a unit of a tier between racing settlements'({ storage, reopen }) {
    const other = await reopen()
    const key: MeterTotalKey = { customer_id: 'ann', meter_id: 'chat', cycle: '2026-03' }
    const begins = await race(60, (index) =>
      settleFrom(index % 2 ? storage : other, key, `tiered-${index}`, BigInt(index + 1)),
    )
    // Each settled from the total where another one ended: together they cover 0 to the sum without gap or overlap.
    let end = 0n
    for (const { begin, units } of begins.sort((a, b) => (a.begin < b.begin ? -1 : 1))) {
      assert.equal(begin, end)
      end = begin + units
    }
    assert.equal(end, 1830n)
    assert.equal(await storage.meterTotal(key), 1830n)
  },
}

const never: Promise<{ outcome: string }> = Promise.resolve({ outcome: 'never' })

async function settleFrom(storage: StorageAdapter, key: MeterTotalKey, request_id: string, units: bigint) {
  let begin = await storage.meterTotal(key)
  for (;;) {
    const total = { ...key, units, expected_total: begin }
    const settled = await storage.settle(settleAct(request_id, '0.001', { opens: true, total }))
    if (settled.outcome === 'settled') return { begin, units }
    assert.equal(settled.outcome, 'total_moved')
    assert.notEqual(settled.total, begin, 'a moved total is another one')
    begin = settled.total
  }
}

/** What the outcomes say must have happened. */
interface Account {
  credited: Money
  charged: Money
  open: Map<string, Money>
}

/** Random acts of eight callers at once; whatever order they got, the outcomes must add up to the balance. */
async function conserve(storage: StorageAdapter, other: StorageAdapter, seed: number): Promise<void> {
  const customer_id = `customer-${seed}`
  const draw = drawWith(seed)
  const account: Account = { credited: zeroMoney, charged: zeroMoney, open: new Map() }
  let lowest = zeroMoney
  for (let round = 0; round < 40; round++) {
    const finishable = [...account.open]
    await race(8, (caller) => {
      const adapter = caller % 2 ? storage : other
      return randomAct(adapter, customer_id, `${seed}-${round}-${caller}`, finishable.splice(0, 1)[0], account, draw)
    })
    const balance = await storage.balance(customer_id)
    const held = [...account.open.values()].reduce(addMoney, zeroMoney)
    assert.equal(balance.held, held, `seed ${seed}, round ${round}: held is the sum of the open holds`)
    assert.equal(totalOf(balance), subtractMoney(account.credited, account.charged), `seed ${seed}, round ${round}`)
    const available = availableOf(balance, zeroMoney)
    if (available < lowest) lowest = available
  }
  assert.equal(lowest, zeroMoney, `seed ${seed}: charges within their holds never overspend`)
}

async function randomAct(
  storage: StorageAdapter,
  customer_id: string,
  id: string,
  finish: [string, Money] | undefined,
  account: Account,
  draw: Draw,
): Promise<void> {
  const record = { customer_id }
  const kind = draw(10)
  const amount = money(BigInt(draw(30_000_000_000) + 1))
  if (finish && kind < 5) {
    const [request_id, held] = finish
    const charge = money(BigInt(draw(Number(held) + 1)))
    account.open.delete(request_id)
    if (kind === 0) {
      const { outcome } = await storage.release({ ...releaseAct(request_id), record: errorOf(request_id, customer_id) })
      assert.equal(outcome, 'released')
      return
    }
    const { outcome } = await storage.settle(settleAct(request_id, formatMoney(charge), { record }))
    assert.equal(outcome, 'settled')
    account.charged = addMoney(account.charged, charge)
  } else if (kind < 6) {
    const part = kind === 5 ? 'cycle' : 'bundle'
    await storage.credit(creditAct(`credit-${id}`, formatMoney(amount), { customer_id, part }))
    account.credited = addMoney(account.credited, amount)
  } else {
    const { outcome } = await storage.hold(holdAct(id, formatMoney(amount), { record }))
    assert.ok(outcome === 'held' || outcome === 'insufficient')
    if (outcome === 'held') account.open.set(id, amount)
  }
}

function errorOf(request_id: string, customer_id: string) {
  return { ...releaseAct(request_id).record, customer_id }
}
