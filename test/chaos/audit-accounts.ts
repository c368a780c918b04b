// Checks of a chaos audit on accounts: money is conserved, tiers are filled once, and nobody spends what is not there.
import { emptyBalance, totalOf } from '../../src/ledger/balance.ts'
import type { RequestRecord } from '../../src/ledger/request-record.ts'
import { formatMoney, money, negateMoney, parseMoney, zeroMoney, type Money } from '../../src/money.ts'
import type { CheckBody } from './audit.ts'
import { isLost, markerOf, type Evidence } from './evidence.ts'
import { chargeOf, sumOf, tierSpans } from './sums.ts'

export const accountChecks: Record<string, CheckBody> = {
  'credits − charges = balance, for every customer'({ customers, credits, records, balances }, { look }) {
    for (const { id } of customers) {
      const credited = sumOf(
        [...credits.values()].filter(({ customer }) => customer === id).map(({ amount }) => amount),
      )
      const charged = sumOf(recordsOf(records, id).map(chargeOf))
      const balance = totalOf(balances.get(id) ?? emptyBalance)
      look(credited - charged === balance, () => {
        return `${id}: ${formatMoney(credited)} credited − ${formatMoney(charged)} charged ≠ ${formatMoney(balance)}`
      })
    }
  },

  'no payment is credited twice'({ credits }, { look }) {
    for (const [entry_id, { credited }] of credits)
      look(credited <= 1, () => `${entry_id} was credited ${credited} times`)
  },

  'tier totals add up, and every part of a tier is sold once'({ customers, records, totals }, { look }) {
    for (const { id, meter } of customers) {
      const lines = recordsOf(records, id).flatMap(({ charge }) => charge?.breakdown ?? [])
      const total = totals.get(id) ?? 0n
      const counted = lines.reduce((sum, { tokens }) => sum + tokens, 0)
      look(BigInt(counted) * 1_000_000n === total, () => `${id}: total ${total} millionths, charged ${counted} tokens`)
      for (const { start, end } of tierSpans(meter)) {
        const sold = lines.filter(({ tier }) => tier.start === start).reduce((sum, { tokens }) => sum + tokens, 0)
        const reached = Math.max(0, Math.min(counted, end) - start)
        look(sold === reached, () => `${id}: tier from ${start}: ${sold} tokens sold, ${reached} reached`)
      }
    }
  },

  // Overdraft is 0. After a hold, balance − held ≥ 0. It falls only by what passes a hold: a charge above its hold (design 5.3), a
  // report, a settlement after recovery had released its hold. So nobody is ever further below zero than the sum of those.
  'nobody is below zero by more than reports and charges above their holds'(evidence, { look }) {
    for (const { id } of evidence.customers) {
      const own = recordsOf(evidence.records, id)
      const bound = negateMoney(sumOf(own.map((record) => beyondHold(record, evidence))))
      const seen = evidence.lowest.get(id)
      const least = (amount: Money, what: string) =>
        look(amount >= bound, () => `${id}: ${what} ${formatMoney(amount)}, the bound is ${formatMoney(bound)}`)
      least(totalOf(evidence.balances.get(id) ?? emptyBalance), 'ends with')
      least(seen?.total ?? zeroMoney, 'was seen with')
      least(seen?.available ?? zeroMoney, 'was seen with available')
      for (const { request_id, balance_after } of own)
        if (balance_after !== null) least(parseMoney(balance_after), `after ${request_id}`)
    }
  },

  'a customer without reports and with capped answers is never below zero'(evidence, { look }) {
    for (const { id, steady } of evidence.customers) {
      if (!steady) continue
      for (const record of recordsOf(evidence.records, id)) {
        const isLate = isLateSettled(record, evidence)
        look(isLate || beyondHold(record, evidence) === 0n, () => {
          return `${record.request_id}: held ${record.held}, charged ${record.charge?.amount ?? ''}`
        })
        look(isLate || !(record.balance_after ?? '').startsWith('-'), () => {
          return `${record.request_id}: left ${id} with ${record.balance_after ?? ''}`
        })
      }
    }
  },

  'the totals of usage() are those of the records'({ records, usage }, { look }) {
    const completed = records.filter(({ status }) => status === 'completed')
    const requests = usage.reduce((sum, day) => sum + day.total_requests, 0)
    const charged = sumOf(usage.map((day) => day.total_charge))
    const expected = sumOf(completed.map(chargeOf))
    look(requests === completed.length, () => `${requests} requests, ${completed.length} records`)
    look(charged === expected, () => `${formatMoney(charged)} charged, the records say ${formatMoney(expected)}`)
  },
}

function recordsOf(records: readonly RequestRecord[], customer: string): RequestRecord[] {
  return records.filter(({ customer_id }) => customer_id === customer)
}

/** Recovered as lost, and then settled by its own process after all. */
function isLateSettled(record: RequestRecord, { lost }: Evidence): boolean {
  return lost.has(record.request_id) && !isLost(record)
}

function beyondHold(record: RequestRecord, evidence: Evidence): Money {
  const charge = chargeOf(record)
  if (markerOf(record) === null || isLateSettled(record, evidence)) return charge
  const above = charge - parseMoney(record.held)
  return money(above > 0n ? above : 0n)
}
