// The benchmark's figures as Markdown: the goals first, then a table for each load.
import { against, over, type Figures, type Spread } from './figures.ts'
import { judge } from './goals.ts'
import { loads } from './loads.ts'

/** @param baseOf whose figures a proxy's are divided by. */
export function reportOf({ machine, slots, skipped }: Figures, baseOf: (proxy: string) => string): string {
  const measured = [...new Set(slots.map((slot) => slot.load))]
  const judged = judge(slots)
  const parts = [
    `Node ${machine.node}, ${machine.cores} cores, ${machine.model}. Medians of the rounds, in brackets the lowest and the highest round. CPU is that of the proxy's process, in seconds for a thousand requests (of streams: events); ÷ is against the bare proxy on the same framework with a keep-alive agent, or whom \`--against\` names, round by round.`,
    judged.length === 0 ? '' : table(
      ['goal', 'proxy', 'load', 'against', 'bound', 'measured', ''],
      judged.map(({ name, proxy, load, base, bound, atLeast, unit, measured: found, met }) => [
        name, proxy, load, base, `${atLeast ? '≥' : '≤'} ${bound} ${unit}`, `${withSpread(found)} ${unit}`, met ? 'met' : 'missed',
      ]),
    ),
    ...measured.map((load) => loadTable(slots, load, baseOf)),
    ...skipped.map(({ proxy, reason }) => `Not measured: ${proxy} (${reason}).`),
  ] // prettier-ignore
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`
}

function loadTable(slots: Figures['slots'], load: string, baseOf: (proxy: string) => string): string {
  const proxies = [...new Set(slots.filter((slot) => slot.load === load).map((slot) => slot.proxy))]
  const per = loads[load]?.eventsPerRequest === null ? 'CPU s/1,000' : 'CPU s/1,000 events'
  const rows = proxies.map((proxy) => {
    const figure = (of: Parameters<typeof over>[3], digits: number) => over(slots, proxy, load, of)?.median.toFixed(digits) ?? ''
    const ratio = against(slots, { proxy, base: baseOf(proxy), load }, (slot) => slot.cpuPerThousand)
    return [
      proxy,
      figure((slot) => slot.cpuPerThousand, 4),
      ratio ? withSpread(ratio) : '',
      figure((slot) => slot.requestsPerSecond, 0),
      figure((slot) => slot.latencyMs.p50, 2),
      figure((slot) => slot.latencyMs.p99, 2),
      figure((slot) => slot.firstByteMs.p50, 3),
      figure((slot) => slot.firstByteMs.p99, 3),
      figure((slot) => slot.rssBytes / 1e6, 0),
    ]
  }) // prettier-ignore
  const head = ['', per, '÷', 'req/s', 'p50 ms', 'p99 ms', 'first byte p50', 'p99', 'RSS MB']
  return `### ${loads[load]?.name ?? load}\n\n${table(head, rows)}`
}

function withSpread({ median, min, max }: Spread): string {
  return `${median.toFixed(2)} (${min.toFixed(2)}–${max.toFixed(2)})`
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map((_, at) => (at === 0 ? '---' : '--:'))), ...rows.map(line)].join('\n')
}
