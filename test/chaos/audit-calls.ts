// Checks of a chaos audit on calls: callers, provider and records tell the same story.
import type { RequestRecord } from '../../src/ledger/request-record.ts'
import { formatMoney } from '../../src/money.ts'
import type { CheckBody } from './audit.ts'
import { incarnationOf, isLost, markerOf, type CallEvidence, type Evidence } from './evidence.ts'
import { chargeFaults, chargeOf } from './sums.ts'

export const callChecks: Record<string, CheckBody> = {
  'every provider call has exactly one record'({ calls, provider, records }, { look }) {
    const byMarker = recordsByMarker(records)
    for (const [marker, times] of countsOf(provider.map(({ marker }) => marker))) {
      const found = byMarker.get(marker)?.length ?? 0
      // A retry under one Idempotency-Key, after a try that was lost or refused, has a record of its own, and a call of its own.
      const fits = calls.get(marker)?.keyed ? times <= found : times === 1 && found === 1
      look(fits, () => `${marker}: ${times} provider calls, ${found} records`)
    }
  },

  'no call is charged that was not made, and none twice'({ calls, provider, records, onLost }, { look }) {
    const made = countsOf(provider.map(({ marker }) => marker))
    for (const [marker, own] of recordsByMarker(records)) {
      const charged = own.filter((record) => chargeOf(record) > 0n && !(onLost === 'charge' && isLost(record))).length
      look(charged <= Math.min(1, made.get(marker) ?? 0) && calls.has(marker), () => {
        return `${marker}: ${charged} charged records, ${made.get(marker) ?? 0} provider calls`
      })
    }
  },

  'no call that the provider answered goes free'({ calls, provider, records }, { look }) {
    const made = new Set(provider.map(({ marker }) => marker))
    for (const record of records) {
      const marker = markerOf(record)
      if (marker === null || !made.has(marker) || record.status !== 'completed' || calls.get(marker)?.keyed) continue
      const refused = calls.get(marker)?.kind === 'refused'
      look(refused === (chargeOf(record) === 0n), () => {
        return `${record.request_id} (${calls.get(marker)?.kind ?? ''}): charged ${record.charge?.amount ?? 'nothing'}: ${record.note ?? ''}`
      })
    }
  },

  'every charge of a call follows from its usage and meter'({ customers, calls, provider, records, onLost }, { look }) {
    const used = new Map(provider.map((call) => [call.marker, call]))
    for (const record of records) {
      const marker = markerOf(record)
      const call = marker === null ? undefined : calls.get(marker)
      const customer = customers.find(({ id }) => id === record.customer_id)
      if (marker === null || !call || !customer) continue
      if (isLost(record)) {
        const expected = onLost === 'charge' ? record.held : '0.0000000000'
        look(
          record.charge?.amount === expected,
          () => `${record.request_id}: lost, charged ${record.charge?.amount ?? ''}`,
        )
      } else if (chargeOf(record) > 0n) {
        const told = used.get(marker) ?? { input_tokens: -1, output_tokens: -1 }
        const estimated = record.usage_source === 'estimated' && mayBeEstimated(call)
        const faults = chargeFaults(record, customer.meter, estimated ? tokensOf(record) : told)
        look(faults.length === 0, () => `${record.request_id} (${call.kind}): ${faults.join('; ')}`)
      }
    }
  },

  'what was refused never reached the provider'({ calls, provider, records }, { look }) {
    const made = new Set(provider.map(({ marker }) => marker))
    const recorded = recordsByMarker(records)
    for (const [marker, { attempts }] of calls) {
      const answers = attempts.map(({ answer }) => answer)
      if (answers.length > 0 && answers.every((answer) => answer === 402))
        look(!made.has(marker) && !recorded.has(marker), () => `${marker}: 402, but called or recorded`)
      else if (answers.length > 0 && answers.every((answer) => answer === 503) && calls.get(marker)?.kind !== 'refused')
        look(!made.has(marker), () => `${marker}: 503, but called`)
    }
  },

  'every answer names its record'({ calls, records }, { look }) {
    const known = new Map(records.map((record) => [record.request_id, record]))
    for (const [marker, { attempts, customer }] of calls) {
      for (const { answer, request_id, whole } of attempts) {
        if (answer !== 200 || !whole) continue
        const record = request_id === null ? undefined : known.get(request_id)
        const fits = record !== undefined && markerOf(record) === marker && record.customer_id === customer
        look(fits, () => `${marker}: answered 200 as ${request_id ?? 'nobody'}, which is no record of it`)
      }
    }
  },

  'no call hangs, and no process ends by itself'({ calls, ends }, { look }) {
    for (const [marker, { attempts }] of calls) look(attempts.every(({ answer }) => answer !== 'late'), () => `${marker} hung`) // prettier-ignore
    for (const end of ends) look(false, () => end)
  },

  'only what a killed process held is lost'({ records, killedAtMs, pausedAtMs, onLost }, { look }) {
    for (const record of records) {
      const incarnation = incarnationOf(record)
      if (!isLost(record) || incarnation === null) continue
      const killed = killedAtMs.get(incarnation)
      // A process that was paused for too long may be taken for dead; it settles what it held, unless the hold was charged or it is killed then.
      const paused = pausedAtMs.get(incarnation)
      const atMs = Date.parse(record.timestamp ?? '')
      const takenForDead = paused !== undefined && paused <= atMs && (killed !== undefined || onLost === 'charge')
      look((killed !== undefined && killed <= atMs) || takenForDead, () => {
        return `${record.request_id}: recovered at ${record.timestamp ?? ''}, its process ${killed === undefined ? 'was never killed' : `killed at ${new Date(killed).toISOString()}`}`
      })
    }
  },

  'no record is pending, and no money held'({ records, balances }, { look }) {
    for (const { request_id, status } of records) look(status !== 'pending', () => `${request_id} is pending`)
    for (const [customer, { held }] of balances) look(held === 0n, () => `${customer}: ${formatMoney(held)} is held`)
  },
}

/** The provider never told, because the answer was cut or its reader left. */
function mayBeEstimated({ kind }: CallEvidence): boolean {
  return kind === 'cut' || kind.startsWith('left')
}

function tokensOf({ usage }: RequestRecord): { input_tokens: number; output_tokens: number } {
  return { input_tokens: Number(usage.input_tokens ?? 0), output_tokens: Number(usage.output_tokens ?? 0) }
}

function recordsByMarker(records: Evidence['records']): Map<string, RequestRecord[]> {
  const byMarker = new Map<string, RequestRecord[]>()
  for (const record of records) {
    const marker = markerOf(record)
    if (marker !== null) byMarker.set(marker, [...(byMarker.get(marker) ?? []), record])
  }
  return byMarker
}

function countsOf(names: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>()
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
  return counts
}
