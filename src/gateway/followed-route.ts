// A followed route: its answer is watched until it ends, and its request settled exactly once, however that is.
import type { ServerResponse } from 'node:http'
import { formatMoney, zeroMoney } from '../money.ts'
import { isClosed, wentWhole } from '../http/client-watch.ts'
import { parseAmount } from './dollar-amount.ts'
import type { Holding } from './holding.ts'
import type { Captured, FollowedRequest } from './lava-request.ts'
import { measurementOfReading, measurementOfReport } from './measurement.ts'
import type { OpenRequest, OpenRequests } from './open-requests.ts'
import type { Settings } from './options.ts'
import type { Settler } from './settle.ts'
import type { TokenAllowances } from './token-allowance.ts'

export interface FollowParts {
  settings: Pick<Settings, 'logger' | 'providers'>
  settler: Settler
  holding: Holding
  requests: OpenRequests
  allowances: TokenAllowances
}

export function followRoute(parts: FollowParts, res: ServerResponse, open: OpenRequest): FollowedRequest {
  const { settler, settings, holding } = parts
  let captured: Captured | null = null

  async function finish(): Promise<void> {
    const provider_status = res.statusCode
    const meter = captured?.tap.meter()
    if (provider_status >= 400)
      await settler.release(open, { note: `the route answered ${provider_status}`, provider_status })
    else if (captured && meter) {
      const reading = await meter.end(wentWhole(res))
      await settler.settleSoon(open, measurementOfReading(reading, captured.provider, open.call, provider_status))
    } else if (open.meter?.tier_type === 'requests') {
      await settler.settle(open, measurementOfReport({}, settings.providers, provider_status))
    } else {
      const released = await settler.release(open, { note: 'the route ended without a report', provider_status })
      if (released && open.billed)
        settings.logger.warn(
          `lava-gateway: ${open.record.endpoint} ended without a report of its usage; nothing was charged for ${open.request_id}`,
        )
    }
  }

  whenEnded(res, () => parts.requests.track(finish()))
  return {
    budget: null,
    lava: {
      request_id: open.request_id,
      get held() {
        return formatMoney(parts.requests.has(open) ? open.held : zeroMoney)
      },
      budget: null,
      report: (usage) => settler.settle(open, measurementOfReport(usage, settings.providers, null)),
      release: () => settler.release(open, { note: 'released by the route', provider_status: null }),
      async extend(amount) {
        const more = parseAmount(amount)
        const isHeld = open.enforced ? await holding.raise(open, more) : parts.requests.has(open)
        return isHeld ? formatMoney(open.held) : null
      },
    },
    capture(given) {
      captured = given
    },
    async giveWay() {
      await parts.allowances.giveBack(open.request_id)
      const released = settler.release(open, { note: 'another guard took its place', provider_status: null })
      // Where nothing is held the storage was away: its record can wait.
      if (!open.opens) await released
      return captured
    },
  }
}

/** Once, however the answer ends. */
export function whenEnded(res: ServerResponse, end: () => void): void {
  // The caller may have left while the hold was made; the event does not come again.
  if (isClosed(res)) end()
  else res.once('close', end)
}
