// The storage benchmark's figures as Markdown tables.
import type { Figures } from './run.ts'

export function reportOf({ machine, rates, roundTrips, growth, skipped }: Figures): string {
  const base = new Map(growth.map((row) => [`${row.storage} ${row.customers}`, row] as const).reverse())
  const parts = [
    `Node ${machine.node}, ${machine.cores} cores, ${machine.model}. A pair is a hold and its settlement. CPU is that of the Node process, the load included.`,
    table(
      [
        'storage',
        'customers',
        'in flight',
        'pairs/s',
        'CPU ms/pair',
        'hold p50',
        'hold p99',
        'settle p50',
        'settle p99',
      ],
      rates.map(({ storage, customers, inFlight, pairsPerSecond, cpuMsPerPair, holdMs, settleMs }) => [
        storage,
        customers.toString(),
        inFlight.toString(),
        pairsPerSecond.toFixed(0),
        cpuMsPerPair.toFixed(4),
        ...[holdMs.p50, holdMs.p99, settleMs.p50, settleMs.p99].map(milliseconds),
      ]),
    ),
    table(
      ['storage', 'bare round trip', 'p50', 'hold p50', 'settle p50', 'hold / bare', 'settle / bare'],
      roundTrips.map(({ storage, bare, bareMs, holdMs, settleMs }) => [
        storage,
        bare,
        ...[bareMs.p50, holdMs.p50, settleMs.p50].map(milliseconds),
        (holdMs.p50 / bareMs.p50).toFixed(2),
        (settleMs.p50 / bareMs.p50).toFixed(2),
      ]),
    ),
    table(
      ['storage', 'customers', 'records', 'pairs/s', 'CPU ms/pair', 'CPU to the smallest'],
      growth.map(({ storage, customers, records, pairsPerSecond, cpuMsPerPair }) => [
        storage,
        customers.toString(),
        records.toString(),
        pairsPerSecond.toFixed(0),
        cpuMsPerPair.toFixed(4),
        (cpuMsPerPair / (base.get(`${storage} ${customers}`)?.cpuMsPerPair ?? NaN)).toFixed(2),
      ]),
    ),
    ...skipped.map(({ storage, reason }) => `Not measured: ${storage} (${reason}).`),
  ]
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return ''
  const all = [head, ...rows]
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)))
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join(' | ')} |`
  const rule = `| ${widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`
  return [line(head), rule, ...rows.map(line)].join('\n')
}

function milliseconds(value: number): string {
  return `${value.toFixed(3)} ms`
}
