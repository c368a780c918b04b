// An admission: what the guard must know of a request to let it in.
import type { Metadata } from '../ledger/metadata.ts'
import type { Money } from '../money.ts'
import type { Call } from '../providers/call.ts'
import type { Drawable } from './budget.ts'
import type { Caller } from './caller.ts'
import type { ConfiguredProvider } from './configured-provider.ts'
import type { Idempotency } from './idempotency.ts'

export interface Admission<AboutCall extends Call | null> {
  /** The id that the answer names already; the record takes it, unless an idempotency key says which. Default: a fresh one. */
  request_id?: string
  caller: Caller
  provider: ConfiguredProvider | null
  call: AboutCall
  /** `POST https://…`, or the host's own route. */
  endpoint: string
  metadata: Metadata
  idempotency: Idempotency | null
  /** The host's own estimate of the charge; null: estimated from the call. */
  estimate: Money | null
  /** False: recorded and billed, but nothing is held and nobody refused. */
  enforced: boolean
  /** Who asked awaits `unsecured` of the request before anything of the work gets out. Default: its hold is durable when it is let in. */
  securedLater?: true
  /** Draws on this in place of the customer's balance. */
  budget?: Drawable | null
  /** It opens a budget: the estimate is held whatever the guard's mode. */
  reserve?: boolean
}
