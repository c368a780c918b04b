// The suite is itself tested: adapters that each break one promise must fail the case that promises it.
import { randomUUID } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { availableOf } from '../../src/ledger/balance.ts'
import type { StorageAdapter } from '../../src/ledger/storage-adapter.ts'
import { addMoney, formatMoney, minMoney, parseMoney, zeroMoney } from '../../src/money.ts'
import { memoryStorage } from '../../src/storage/memory.ts'
import { storageConformance } from '../../src/testing/conformance.ts'

type Breakage = (whole: StorageAdapter) => Partial<StorageAdapter>

/** The names of the cases that an adapter with this breakage fails. */
async function failuresOf(breakage: Breakage): Promise<string[]> {
  const cases = storageConformance(async () => {
    const whole = memoryStorage()
    await whole.open()
    const storage = { ...whole, ...breakage(whole) }
    const reopen = async () => {
      await whole.open()
      return storage
    }
    return { storage, reopen, dispose: () => whole.close() }
  })
  const failures: string[] = []
  for (const { name, run } of cases) await run().catch(() => failures.push(name))
  return failures
}

function unguarded<Act extends { if_expired_at_ms?: number }>(act: Act): Act {
  const copy = { ...act }
  delete copy.if_expired_at_ms
  return copy
}

const breakages: { what: string; breakage: Breakage; fails: string[] }[] = [
  {
    what: 'reads the balance, waits and then holds',
    breakage: (whole) => ({
      async hold(act) {
        const { customer_id } = act.record
        if (act.requires !== 'amount' || customer_id === null) return whole.hold(act)
        const balance = await whole.balance(customer_id)
        await turn()
        if (availableOf(balance, act.overdraft) < act.amount && !(await whole.request(act.record.request_id)))
          return { outcome: 'insufficient', balance }
        return whole.hold({ ...act, requires: 'nothing' })
      },
    }),
    fails: [
      'lets exactly those of 500 racing holds through that the balance covers',
      'lets each of the racing holds of two adapters on the same data through once',
      'conserves money while holds, settlements, releases and credits race',
    ],
  },
  {
    what: 'reads the total, waits and then settles',
    breakage: (whole) => ({
      async settle(act) {
        if (typeof act.total?.expected_total !== 'bigint') return whole.settle(act)
        const total = await whole.meterTotal(act.total)
        await turn()
        if (total !== act.total.expected_total) return { outcome: 'total_moved', total }
        return whole.settle({ ...act, total: { ...act.total, expected_total: null } })
      },
    }),
    fails: ['never shares a unit of a tier between racing settlements'],
  },
  {
    what: 'looks whether a request is pending, waits and then charges',
    breakage: (whole) => ({
      async settle(act) {
        const found = await whole.request(act.record.request_id)
        await turn()
        const outcome = await whole.settle(act)
        if (found?.status !== 'pending' || outcome.outcome !== 'duplicate') return outcome
        const record = { ...act.record, request_id: randomUUID() }
        return whole.settle({ ...act, record, opens: true })
      },
    }),
    fails: [
      'settles once, however often a settlement is repeated',
      'carries out each act once when two adapters repeat it at the same time',
    ],
  },
  {
    what: 'looks whether an entry is known, waits and then credits',
    breakage: (whole) => {
      const known = new Set<string>()
      return {
        async credit(act) {
          if (known.has(act.entry_id)) return whole.credit(act)
          await turn()
          known.add(act.entry_id)
          const outcome = await whole.credit(act)
          return outcome.outcome === 'duplicate' ? whole.credit({ ...act, entry_id: randomUUID() }) : outcome
        },
      }
    },
    fails: [
      'adds a credit once, however often it is repeated',
      'carries out each act once when two adapters repeat it at the same time',
    ],
  },
  {
    what: 'looks whether a hold has expired, waits and then releases it',
    breakage: (whole) => ({
      async release(act) {
        if (act.if_expired_at_ms === undefined) return whole.release(act)
        const expired = await whole.expired(act.if_expired_at_ms, 100)
        await turn()
        const isDue = expired.some(({ request_id }) => request_id === act.record.request_id)
        return isDue ? whole.release(unguarded(act)) : { outcome: 'not_held' }
      },
    }),
    fails: ['lets either recovery or a renewal have an expired hold, never both'],
  },
  {
    what: 'reads the balance, waits and then raises what is held',
    breakage: (whole) => ({
      async renew(act) {
        const { held } = act
        if (held?.requires !== 'amount' || held.record.customer_id === null) return whole.renew(act)
        const balance = await whole.balance(held.record.customer_id)
        const before = parseMoney((await whole.request(act.request_id))?.held ?? '0')
        await turn()
        if (held.amount > before && availableOf(balance, held.overdraft) < held.amount - before)
          return { outcome: 'insufficient', balance }
        return whole.renew({ ...act, held: { ...held, requires: 'nothing' } })
      },
    }),
    fails: ['never overspends while holds are raised at the same time'],
  },
  {
    what: 'adds what a renewal sets',
    breakage: (whole) => ({
      async renew(act) {
        const { held } = act
        if (!held) return whole.renew(act)
        const before = parseMoney((await whole.request(act.request_id))?.held ?? '0')
        const amount = addMoney(before, held.amount)
        const record = { ...held.record, held: formatMoney(amount) }
        return whole.renew({ ...act, held: { ...held, record, amount } })
      },
    }),
    fails: [
      'sets what is held, however often a renewal is repeated',
      'frees what a hold is lowered by, whatever the balance',
    ],
  },
  {
    what: 'moves the expiry of a hold that it refuses to raise',
    breakage: (whole) => ({
      async renew(act) {
        const outcome = await whole.renew(act)
        if (outcome.outcome === 'insufficient') {
          const { request_id, expires_at_ms } = act
          await whole.renew({ request_id, expires_at_ms })
        }
        return outcome
      },
    }),
    fails: ['refuses to raise a hold beyond the balance, and changes nothing'],
  },
  {
    what: 'answers a credit before it has written it',
    breakage: (whole) => ({
      async credit(act) {
        const before = await whole.balance(act.customer_id)
        setImmediate(() => void whole.credit(act).catch(() => undefined))
        return { outcome: 'credited', balance: { ...before, [act.part]: addMoney(before[act.part], act.amount) } }
      },
    }),
    fails: ['shows each caller what its act wrote as soon as it resolves'],
  },
  {
    what: 'answers a hold that may be durable later before it is made',
    breakage: (whole) => ({
      async hold(act) {
        if (!act.durable_later || act.record.customer_id === null) return whole.hold(act)
        const balance = await whole.balance(act.record.customer_id)
        const durable = turn().then(async () => {
          await whole.hold(act)
        })
        durable.catch(() => undefined)
        return { outcome: 'held', balance: { ...balance, held: addMoney(balance.held, act.amount) }, durable }
      },
    }),
    fails: [
      'makes a hold that may be durable later at once, for everybody',
      'answers a repeated or refused hold alike, whether it may be durable later or not',
    ],
  },
  {
    what: 'forgets the acts under way when it is closed',
    breakage: (whole) => ({
      async hold(act) {
        await turn()
        return whole.hold(act)
      },
    }),
    fails: ['finishes the acts under way when it is closed while busy'],
  },
  {
    what: 'takes a repeated report again',
    breakage: (whole) => {
      let count = 0
      return {
        settle(act) {
          const request_id = `${act.record.request_id}-${++count}`
          return whole.settle(act.opens ? { ...act, record: { ...act.record, request_id } } : act)
        },
      }
    },
    fails: ['takes a report once and counts its units once, however often it is repeated'],
  },
  {
    what: 'takes no more than was held',
    breakage: (whole) => ({
      async settle(act) {
        const { held } = await whole.balance(act.record.customer_id ?? '')
        if (act.opens || held === zeroMoney) return whole.settle(act)
        return whole.settle({ ...act, charge: minMoney(held, act.charge), record: { ...act.record, charge: null } })
      },
    }),
    fails: ['takes a charge above its hold'],
  },
  {
    what: 'ignores the guard of recovery',
    breakage: (whole) => ({
      release: (act) => whole.release(unguarded(act)),
      settle: (act) => whole.settle(unguarded(act)),
    }),
    fails: ['lets recovery finish a hold only while it is open and expired'],
  },
  {
    what: 'forgets that a hold was lost',
    breakage: (whole) => ({ release: (act) => whole.release({ ...act, lost: false }) }),
    fails: ['takes the late settlement of a lost hold once'],
  },
  {
    what: 'credits every retry',
    breakage: (whole) => {
      let count = 0
      return { credit: (act) => whole.credit({ ...act, entry_id: `${act.entry_id}-${++count}` }) }
    },
    fails: [
      'adds a credit once, however often it is repeated',
      'refuses an entry id that is used again for another customer, amount or part',
    ],
  },
  {
    what: 'pages by how many rows came before',
    breakage: (whole) => ({
      async requests({ cursor, ...query }) {
        const offset = Number(cursor ?? 0)
        const { data } = await whole.requests({ ...query, limit: 100 })
        const end = offset + query.limit
        return { data: data.slice(offset, end), next_cursor: end < data.length ? `${end}` : null }
      },
    }),
    fails: ['never skips or repeats a row while rows are added and finished'],
  },
  {
    what: 'adds up usage by the day of Greenwich',
    breakage: (whole) => ({ usage: (query) => whole.usage({ ...query, utc_offset_minutes: 0 }) }),
    fails: ['adds up usage by the day of the asked time zone'],
  },
]

for (const { what, breakage, fails } of breakages)
  test(`fails an adapter that ${what}`, async () => {
    expect(await failuresOf(breakage)).toEqual(expect.arrayContaining(fails))
  })

test('passes an adapter that breaks nothing', async () => {
  expect(await failuresOf(() => ({}))).toEqual([])
})
