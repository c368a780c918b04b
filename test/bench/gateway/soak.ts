// The soak: many minutes of calls, a tenth of them broken off, and what memory and holds are left of it.
import { setTimeout as wait } from 'node:timers/promises'
import type { Stage } from './stage.ts'

/** A call is drained for its usage for ten seconds at most after its caller left. */
const settledAfterMs = 12_000

export async function soak(
  stage: Stage,
  names: readonly string[],
  { minutes, customers }: { minutes: number; customers: number },
): Promise<string> {
  const lines: string[] = []
  for (const name of names) {
    const proxy = await stage.proxy(name)
    await proxy.fund(customers)
    const parts = Math.max(2, Math.round(minutes))
    const forMs = (minutes * 60_000) / parts
    let first: { rss: number; heap: number } | null = null
    let requests = 0
    let aborted = 0
    for (let part = 1; part <= parts; part++) {
      // Streams, so that a call can be left in the middle.
      const answer = { kind: 'events', count: 50, gapMs: 0 } as const
      const loaded = await proxy.load({ answer, requestBytes: 1000, inFlight: 256, forMs, customers, abortPercent: 10 })
      requests += loaded.requests
      aborted += loaded.aborted
      const { rssBytes: rss, heapBytes: heap } = await proxy.mark(true)
      first ??= { rss, heap }
      lines.push(`${name}, part ${part} of ${parts}: ${requests} answered, ${aborted} broken off, RSS ${megabytes(rss)} MB (÷ first ${(rss / first.rss).toFixed(3)}), heap ${megabytes(heap)} MB (÷ first ${(heap / first.heap).toFixed(3)})`) // prettier-ignore
    }
    await wait(settledAfterMs)
    lines.push(`${name}: held afterwards: ${await proxy.held(customers)}`)
    await proxy.end()
  }
  return `${lines.join('\n')}\n`
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1)
}
