// Tampering: evidence of a clean chaos run, spoiled in one place, so that each check of the audit shows that it can fail.
import type { RequestRecord } from '../../src/ledger/request-record.ts'
import { formatMoney, money, parseMoney } from '../../src/money.ts'
import { isLost, markerOf, type Evidence } from './evidence.ts'
import { chargeOf } from './sums.ts'

export interface Tampering {
  what: string
  /** The check that must see it. */
  promise: string
  spoil: (evidence: Evidence) => void
}

export const tamperings: readonly Tampering[] = [
  {
    what: 'a call without a record',
    promise: 'every provider call has exactly one record',
    spoil: (evidence) => remove(evidence.records, chargedCall(evidence)),
  },
  {
    what: 'a call that was sent to the provider twice',
    promise: 'every provider call has exactly one record',
    spoil: (evidence) => {
      const marker = markerOf(chargedCall(evidence))
      evidence.provider.push(...evidence.provider.filter((call) => call.marker === marker))
    },
  },
  {
    what: 'a call charged twice',
    promise: 'no call is charged that was not made, and none twice',
    spoil: (evidence) => evidence.records.push({ ...chargedCall(evidence), request_id: 'req_again' }),
  },
  {
    what: 'a call that cost nothing',
    promise: 'no call that the provider answered goes free',
    spoil: (evidence) => setCharge(chargedCall(evidence), '0.0000000000'),
  },
  {
    what: 'a charge that is 1e-10 dollars too high',
    promise: 'every charge of a call follows from its usage and meter',
    spoil: (evidence) => {
      const record = chargedCall(evidence)
      setCharge(record, formatMoney(money(chargeOf(record) + 1n)))
    },
  },
  {
    what: 'a refused call that went out',
    promise: 'what was refused never reached the provider',
    spoil: ({ calls, provider }) => {
      const refused = [...calls].find(([, { attempts }]) => attempts.every(({ answer }) => answer === 402))
      provider.push({ marker: refused?.[0] ?? '', input_tokens: 1, output_tokens: 1 })
    },
  },
  {
    what: 'an answer that names another record',
    promise: 'every answer names its record',
    spoil: ({ calls, reports }) => {
      const [report = ''] = reports.keys()
      for (const { attempts } of calls.values())
        for (const attempt of attempts) if (attempt.answer === 200) attempt.request_id = report
    },
  },
  {
    what: 'a call that hangs',
    promise: 'no call hangs, and no process ends by itself',
    spoil: ({ calls }) => {
      const [first] = calls.values()
      first?.attempts.push({ answer: 'late', request_id: null, whole: false })
    },
  },
  {
    what: 'a call lost by a process that lived',
    promise: 'only what a killed process held is lost',
    spoil: (evidence) => {
      evidence.killedAtMs = new Map()
    },
  },
  {
    what: 'money that stays held',
    promise: 'no record is pending, and no money held',
    spoil: ({ balances }) => {
      for (const [customer, balance] of balances) balances.set(customer, { ...balance, held: money(1n) })
    },
  },
  {
    what: 'a report that is gone',
    promise: 'every report is charged once, by its usage and meter',
    spoil: ({ records }) =>
      remove(
        records,
        found(records, (record) => markerOf(record) === null),
      ),
  },
  {
    what: 'a report that was created twice',
    promise: 'every copy of a report is answered with the first record, and other content with 409',
    spoil: ({ reports }) => {
      for (const { answers } of reports.values()) answers.push(...answers.map((answer) => ({ ...answer, status: 201 })))
    },
  },
  {
    what: 'a record that a listing repeats',
    promise: 'every record belongs to a call or a report, and no id comes twice',
    spoil: ({ records }) => records.push(found(records, () => true)),
  },
  {
    what: 'a balance that is 1e-10 dollars too low',
    promise: 'credits − charges = balance, for every customer',
    spoil: ({ balances }) => {
      for (const [customer, balance] of balances)
        balances.set(customer, { ...balance, bundle: money(balance.bundle - 1n) })
    },
  },
  {
    what: 'a payment credited twice',
    promise: 'no payment is credited twice',
    spoil: ({ credits }) => {
      for (const credit of credits.values()) credit.credited = 2
    },
  },
  {
    what: 'two requests that shared the dear part of a tier',
    promise: 'tier totals add up, and every part of a tier is sold once',
    spoil: ({ records }) => {
      const record = found(records, ({ charge }) => (charge?.breakdown[0]?.tier.start ?? 0) > 0)
      for (const { tier } of record.charge?.breakdown ?? []) tier.start = 0
    },
  },
  {
    what: 'an overspend in the middle of the run',
    promise: 'nobody is below zero by more than reports and charges above their holds',
    spoil: ({ lowest }) => {
      const far = parseMoney('-1000')
      for (const customer of lowest.keys()) lowest.set(customer, { total: far, available: far })
    },
  },
  {
    what: 'a capped customer below zero',
    promise: 'a customer without reports and with capped answers is never below zero',
    spoil: ({ customers, records }) => {
      // On a busy machine a run is short, and not every one of them may have called.
      const steady = new Set(customers.filter((customer) => customer.steady).map(({ id }) => id))
      found(records, ({ customer_id }) => customer_id !== null && steady.has(customer_id)).balance_after =
        '-0.0000000001'
    },
  },
  {
    what: 'a usage report that leaves a request out',
    promise: 'the totals of usage() are those of the records',
    spoil: ({ usage }) => usage.pop(),
  },
]

function chargedCall({ records, calls }: Evidence): RequestRecord {
  return found(records, (record) => {
    const call = calls.get(markerOf(record) ?? '')
    return call?.keyed === false && !isLost(record) && chargeOf(record) > 0n
  })
}

function setCharge(record: RequestRecord, amount: string): void {
  if (record.charge) record.charge.amount = amount
}

function found(records: readonly RequestRecord[], is: (record: RequestRecord) => boolean): RequestRecord {
  const record = records.find(is)
  if (!record) throw new Error('the run has no such record')
  return record
}

function remove(records: RequestRecord[], record: RequestRecord): void {
  records.splice(records.indexOf(record), 1)
}
