// A budget route: its request is a budget that the handler's calls draw on, closed when the answer ends.
import type { ServerResponse } from 'node:http'
import { formatMoney, zeroMoney } from '../money.ts'
import type { BalanceGuard } from './balance-guard.ts'
import { whenEnded, type FollowParts } from './followed-route.ts'
import type { BudgetRequest } from './lava-request.ts'
import { measurementOfReport } from './measurement.ts'
import type { OpenBudget } from './open-budget.ts'

/** @param route names it in the records of its reports: `POST /agents/run`. */
export function followBudget(
  parts: FollowParts & { guard: BalanceGuard },
  res: ServerResponse,
  opened: OpenBudget,
  route: string,
): BudgetRequest {
  const { settings, settler, guard } = parts
  const { budget, account, payer, request, ended } = opened

  const held = () => formatMoney(request.enforced ? account.needed : zeroMoney)

  async function finish(): Promise<void> {
    account.close()
    await ended
    // Perhaps its calls went past the budget.
    if (res.statusCode < 400 && request.billed && account.spent === zeroMoney)
      settings.logger.warn(`lava-gateway: ${route} ended, and nothing was charged to its budget ${account.budget_id}`)
  }

  whenEnded(res, () => parts.requests.track(finish()))
  return {
    budget: opened,
    capturing: null,
    lava: {
      request_id: request.request_id,
      get held() {
        return held()
      },
      budget,
      async report(usage) {
        const measurement = measurementOfReport(usage, settings.providers, null)
        if (account.closed) return null
        const { metadata } = request.record
        const about = { provider: null, call: null, endpoint: route, metadata, idempotency: null, estimate: null }
        return settler.settle(guard.begin({ ...about, caller: payer, enforced: true, budget: account }), measurement)
      },
      release() {
        if (account.closed) return Promise.resolve(null)
        account.close()
        return ended
      },
      async extend(amount) {
        return (await budget.extend(amount)) === null ? null : held()
      },
    },
  }
}
