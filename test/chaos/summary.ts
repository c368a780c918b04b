// The summary of a chaos run: its figures and its checks as two tables.
import { formatMoney, type Money } from '../../src/money.ts'
import type { Check } from './audit.ts'
import type { ChaosRun } from './chaos.ts'
import { isLost, markerOf, type Evidence } from './evidence.ts'
import { chargeOf, costOfTokens, sumOf } from './sums.ts'

export interface Figures {
  [figure: string]: number | string
  'calls answered 402': number
  'settlements on disk at once, at most': number
  'lost with their process, provider called': number
}

export function figuresOf({ evidence, kills, pauses, connectionsCut, outages, journaled, errors }: ChaosRun): Figures {
  const attempts = [...evidence.calls.values()].flatMap((call) => call.attempts)
  const answered = (answer: number | string) => attempts.filter((attempt) => attempt.answer === answer).length
  const lost = evidence.records.filter(isLost)
  const called = new Set(evidence.provider.map(({ marker }) => marker))
  const lostCalls = lost.filter((record) => called.has(markerOf(record) ?? ''))
  const delivered = new Set(
    attempts.flatMap(({ answer, whole, request_id }) => (answer === 200 && whole ? [request_id] : [])),
  )
  const reports = [...evidence.reports.values()]
  return {
    kills,
    pauses,
    'connections cut': connectionsCut,
    'outages of the storage': outages,
    'settlements on disk at once, at most': journaled,
    'calls sent': attempts.length,
    'calls answered 200': answered(200),
    'calls answered 402': answered(402),
    'calls answered 409 (key in use)': answered(409),
    'calls answered 503': answered(503),
    'calls that callers left': answered('left'),
    'calls cut by a kill': answered('cut'),
    'provider calls': evidence.provider.length,
    'reports (copies)': `${reports.length} (${reports.reduce((sum, { answers }) => sum + answers.length, 0)})`,
    payments: evidence.credits.size,
    records: evidence.records.length,
    'lost with their process, provider called': lostCalls.length,
    'of these, answered whole': lostCalls.filter(({ request_id }) => delivered.has(request_id)).length,
    'lost with their process, provider not called': lost.length - lostCalls.length,
    'lost, then settled after all': evidence.records.filter((r) => evidence.lost.has(r.request_id) && !isLost(r))
      .length,
    'provider cost of what was lost, $': formatMoney(costOfLost(evidence, lostCalls)),
    'charged, $': formatMoney(sumOf(evidence.records.map(chargeOf))),
    'charged of what was lost, $': formatMoney(sumOf(lost.map(chargeOf))),
    'errors logged': errors.length,
  }
}

/** At most: a killed call's answer may have been shorter. */
function costOfLost({ provider }: Evidence, lost: readonly Evidence['records'][number][]): Money {
  const used = new Map(provider.map((call) => [call.marker, call]))
  return sumOf(
    lost.flatMap((record) => [used.get(markerOf(record) ?? '')].flatMap((call) => (call ? [costOfTokens(call)] : []))),
  )
}

export function figuresTable(figures: Figures): string {
  return table(Object.entries(figures).map(([figure, value]) => [figure, String(value)]))
}

export function checksTable(checks: readonly Check[]): string {
  const rows = checks.map(({ promise, looked, differences }) => [promise, String(looked), String(differences.length)])
  const found = checks.flatMap(({ promise, differences }) =>
    differences.slice(0, 20).map((difference) => `  ${promise}: ${difference}`),
  )
  return [table([['promise', 'looked at', 'differences'], ...rows]), ...found].join('\n')
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? []
  const cell = (text: string, column: number) =>
    column === 0 ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0)
  return rows.map((row) => row.map(cell).join('  ')).join('\n')
}
