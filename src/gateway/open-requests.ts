// The open requests: held and not yet finished, each finished exactly once.
import type { RequestRecord } from '../ledger/request-record.ts'
import type { Money } from '../money.ts'
import type { ModelPrice } from '../pricing/model-price.ts'
import type { Meter } from '../pricing/meter.ts'
import type { Call } from '../providers/call.ts'
import { Roster, type Listed } from '../roster.ts'
import type { Draw } from './budget.ts'
import type { ConfiguredProvider } from './configured-provider.ts'

/** `AboutCall` is null on a guarded route of the host's, whose provider call is its own affair. */
export interface OpenRequest<AboutCall extends Call | null = Call | null> extends Listed {
  readonly request_id: string
  /** As it is held: status `pending`. Changed by `Holding` only. */
  record: RequestRecord
  readonly fingerprint: string
  /** Nothing is held: the storage was away, and `onStorageError: 'allow'` let the call pass. Its settlement writes the record. */
  readonly opens: boolean
  /** What the record says is held for it. Changed by `Holding` only. */
  held: Money
  /** What of that is set aside on its customer's balance: less where it draws on a budget, or is one. Changed by `Holding` only. */
  aside: Money
  readonly meter: Meter | null
  /** Whether a customer's balance is debited for it. */
  readonly billed: boolean
  /** Whether its customer may be refused. */
  readonly enforced: boolean
  readonly provider: ConfiguredProvider | null
  readonly call: AboutCall
  /** The price of the model that was asked for; the answer may name another. */
  readonly price: ModelPrice | null
  /**
   * What it holds may be all that its customer, its budget or its token has left: it is settled without delay, so that the next
   * call is not refused for it.
   */
  scarce: boolean
  /** Resolves when a power cut can't take its hold any more; null: it can't. Changed by `SecuredHolds` only. */
  unsecured: Promise<void> | null
  /** Its part of a budget; null: its money is held from the customer's balance. */
  readonly draw: Draw | null
}

export interface OpenRequests {
  add(request: OpenRequest): void
  /** Takes the request out to finish it. False: it was taken before, and must not be finished again. */
  take(request: OpenRequest): boolean
  /** Whether it is not yet finished. */
  has(request: OpenRequest): boolean
  count(): number
  /** As they are now. */
  all(): OpenRequest[]
  /** Follows a settlement until it is written. */
  track(work: Promise<unknown>): void
  /** Resolves when nothing is open and nothing is being written. */
  idle(): Promise<void>
}

export function createOpenRequests(): OpenRequests {
  const open = new Roster<OpenRequest>()
  let writing = 0
  let waiting: (() => void)[] = []

  function tellWhenIdle(): void {
    if (open.size > 0 || writing > 0) return
    const told = waiting
    waiting = []
    for (const tell of told) tell()
  }

  function written(): void {
    writing--
    tellWhenIdle()
  }

  return {
    add(request) {
      open.add(request)
    },
    take(request) {
      return open.delete(request)
    },
    has: (request) => open.has(request),
    count: () => open.size,
    all: () => open.all(),
    track(work) {
      writing++
      work.then(written, written)
    },
    idle() {
      if (open.size === 0 && writing === 0) return Promise.resolve()
      return new Promise((resolve) => waiting.push(resolve))
    },
  }
}
