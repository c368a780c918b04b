// Settle: prices what was used, debits the charge, frees the hold, completes the record; or releases and takes nothing.
import type { RequestRecord } from '../ledger/request-record.ts'
import { parseMoney, zeroMoney, type Money } from '../money.ts'
import type { OutputHistory } from '../pricing/estimate.ts'
import type { Measurement } from './measurement.ts'
import type { OpenRequest, OpenRequests } from './open-requests.ts'
import type { Settings } from './options.ts'
import type { SettleOrder } from './settle-order.ts'
import type { SettleQueue } from './settle-queue.ts'
import type { SettleWork } from './settle-work.ts'

export interface Settler {
  /** The completed record; null when the request was finished before, or its storage stays away (logged, and in the journal). */
  settle(open: OpenRequest, measurement: Measurement): Promise<RequestRecord | null>
  /** The same, some milliseconds later unless its money is scarce: for answers that were given, whose record nobody waits for. */
  settleSoon(open: OpenRequest, measurement: Measurement): Promise<RequestRecord | null>
  /** The finished record, nothing charged; null as above. */
  release(open: OpenRequest, end: { note: string; provider_status: number | null }): Promise<RequestRecord | null>
}

interface SettlerParts {
  settings: Settings<never>
  requests: OpenRequests
  work: SettleWork
  queue: SettleQueue
  history: OutputHistory
}

export function createSettler({ settings, requests, work, queue, history }: SettlerParts): Settler {
  /** Nothing waits for it but `close`; a failure is told to the host, never to the caller, who has the answer. */
  function finish(open: OpenRequest, order: SettleOrder, when: 'now' | 'soon'): Promise<RequestRecord | null> {
    if (!requests.take(open)) return Promise.resolve(null)
    const done = when === 'now' ? work.finish(order) : finishSoon(order)
    requests.track(done)
    const { draw } = open
    if (draw) void done.then((record) => draw.end(record && chargeOf(record)))
    return done
  }

  function finishSoon(order: SettleOrder): Promise<RequestRecord | null> {
    return new Promise((resolve, reject) => queue.add(() => void work.finish(order).then(resolve, reject)))
  }

  function orderOf(open: OpenRequest, measurement: Measurement): SettleOrder {
    learn(history, open, measurement)
    const { record, fingerprint, opens, meter, billed } = open
    return { kind: 'settle', record, fingerprint, opens, meter, billed, measurement }
  }

  return {
    settle: (open, measurement) => finish(open, orderOf(open, measurement), 'now'),
    settleSoon: (open, measurement) => finish(open, orderOf(open, measurement), open.scarce ? 'now' : 'soon'),
    release(open, { note, provider_status }) {
      const timestamp = new Date(settings.clock()).toISOString()
      const record: RequestRecord = { ...open.record, status: 'completed', provider_status, note, timestamp }
      return finish(open, { kind: 'release', record, fingerprint: open.fingerprint, opens: open.opens }, 'now')
    },
  }
}

function chargeOf({ charge }: RequestRecord): Money {
  return charge ? parseMoney(charge.amount) : zeroMoney
}

/** Estimates learn from what providers really counted, not from other estimates. */
function learn(history: OutputHistory, open: OpenRequest, { usage, usage_source }: Measurement): void {
  if (usage_source !== 'provider' || usage.output_tokens === undefined || !open.call?.model) return
  history.learn(open.record.customer_id, open.call.model, usage.output_tokens / Math.max(1, open.call.choices))
}
