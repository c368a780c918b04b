// Forward: one relayed call from the caller to the provider and back, its usage read as it passes.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { GatewayError } from '../errors.ts'
import { ClientWatch } from '../http/client-watch.ts'
import type { BalanceGuard } from './balance-guard.ts'
import type { BudgetOfRequest } from './budget.ts'
import { readCallBody } from './call-body.ts'
import type { Callers } from './caller.ts'
import type { ForwardQuery } from './forward-query.ts'
import { ForwardedCall } from './forwarded-call.ts'
import { idempotencyOf } from './idempotency.ts'
import type { Settings } from './options.ts'
import { outgoingHeaders, providerKey } from './outgoing-head.ts'
import type { Proxy } from './proxy.ts'
import { readRequestMetadata } from './request-metadata.ts'
import type { Settler } from './settle.ts'
import { createTargets } from './target.ts'
import { bodyAskingForUsage } from './usage-request.ts'

export interface ForwardParts<Request extends IncomingMessage> {
  settings: Settings<Request>
  callers: Callers<Request>
  guard: BalanceGuard
  budgetOf: BudgetOfRequest
  proxy: Proxy
  settler: Settler
}

export type Forward<Request extends IncomingMessage> = (
  req: Request,
  res: ServerResponse,
  asked: { request_id: string; query: ForwardQuery },
) => Promise<void>

export const requestIdHeader = 'x-lava-request-id'

/**
 * @returns a function that resolves when the call is answered, its settlement on its way, and rejects with a GatewayError when the caller has to be told one.
 */
export function createForward<Request extends IncomingMessage>(parts: ForwardParts<Request>): Forward<Request> {
  const { settings, callers, guard, budgetOf, settler } = parts
  const { inspectBytesMax } = settings
  const targets = createTargets(settings.providers)
  return async function forward(req, res, { request_id, query }) {
    const client = new ClientWatch(res)
    const calling = callers.ofCall(req, query.key)
    const caller = calling instanceof Promise ? await calling : calling
    if (query.target === null)
      throw new GatewayError('invalid_request', 'The target is missing: add ?u=<provider url>.')
    const method = req.method ?? 'GET'
    const { provider, url, origin, path, endpoint, address } = targets(method, query.target, query.provider)
    const metadata = readRequestMetadata(req.headers, query.metadata)
    const key = providerKey(provider, caller)
    const read = await readCallBody(req, { address, provider, inspectBytesMax })
    const { body, call } = read
    const open = await guard.admit({
      request_id,
      caller,
      provider,
      call,
      endpoint,
      metadata,
      idempotency: idempotencyOf(req, method, url, body),
      estimate: null,
      enforced: true,
      budget: budgetOf(req, caller),
      securedLater: true,
    })
    if (open.request_id !== request_id) res.setHeader(requestIdHeader, open.request_id)
    if (client.gone) {
      await settler.release(open, {
        note: 'the caller left before the provider was called',
        provider_status: null,
      })
      return
    }
    const asking = bodyAskingForUsage({ provider, call, url, body, json: read.asked })
    const sent = asking ?? body
    const headers = outgoingHeaders(req.headers, { provider, key, body: sent, unpacked: asking !== null })
    const forwarded = new ForwardedCall(parts, req, res, client, provider, open)
    try {
      const running = parts.proxy({ method, origin, path, headers, body: sent, allowPrivate: provider.allowPrivate })
      await forwarded.relay(running, read, { managed: caller.provider_key === null, asksForUsage: asking !== null })
    } catch (error) {
      // Whatever went wrong, no hold stays; where the request is finished already, this changes nothing.
      void settler.release(open, { note: 'the gateway could not relay the call', provider_status: null })
      throw error
    } finally {
      client.end()
    }
  }
}
