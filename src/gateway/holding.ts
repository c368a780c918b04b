// Holding: what an open request has set aside, raised and lowered while it runs.
import { GatewayError } from '../errors.ts'
import { availableOf } from '../ledger/balance.ts'
import type { HeldChange } from '../ledger/storage-adapter.ts'
import { addMoney, formatMoney, money, subtractMoney, type Money } from '../money.ts'
import type { Draw } from './budget.ts'
import { insufficientBalance } from './insufficient.ts'
import type { OpenRequest, OpenRequests } from './open-requests.ts'
import type { Settings } from './options.ts'
import type { Storage } from './storage-access.ts'
import type { TokenAllowances } from './token-allowance.ts'

export interface Holding {
  /**
   * Sets so much more aside: from the customer's balance, or where the request draws on a budget from that. False: the request was
   * finished before, or its hold is gone, and nothing is held.
   *
   * @param onRaised is called before the next change has its turn.
   * @throws GatewayError `insufficient_balance`, `forbidden` (a signed token's limit), `invalid_request` (more than any storage
   * keeps), `storage_unavailable`; then nothing has changed.
   */
  raise(open: OpenRequest, more: Money, onRaised?: () => void): Promise<boolean>
  /**
   * Frees what is set aside beyond `needed`, which is asked when the changes before it are done.
   *
   * @throws GatewayError `storage_unavailable`.
   */
  lower(open: OpenRequest, needed: () => Money): Promise<void>
}

interface HoldingParts {
  settings: Settings<never>
  storage: Storage
  requests: OpenRequests
  allowances: TokenAllowances
}

/** What a request shall hold; see OpenRequest. */
type Wanted = Pick<OpenRequest, 'held' | 'aside'>

/** What every storage keeps (see StorageAdapter). */
const amountMax = money(2n ** 63n - 1n)

export function createHolding(parts: HoldingParts): Holding {
  const { requests, allowances } = parts
  /** An act sets a total, so that of two at the same time one would be lost. */
  const turns = new WeakMap<OpenRequest, Promise<unknown>>()

  function inTurn<Result>(open: OpenRequest, work: () => Promise<Result>): Promise<Result> {
    const mine = (turns.get(open) ?? Promise.resolve()).then(work)
    // Whoever asked for it is told of its failure.
    const over = mine.catch(() => undefined)
    turns.set(open, over)
    return mine
  }

  async function raise(open: OpenRequest, more: Money): Promise<boolean> {
    if (!requests.has(open)) return false
    const taken = await allowances.raise(open.request_id, more)
    let lower: (() => void) | null = null
    let isRaised = false
    try {
      lower = open.draw && drawMore(parts, open, open.draw, more)
      isRaised = await raiseHold(parts, open, more)
    } finally {
      if (isRaised) taken?.keep()
      else {
        taken?.cancel()
        lower?.()
      }
    }
    return isRaised
  }

  async function lower(open: OpenRequest, needed: () => Money): Promise<void> {
    const aside = needed()
    if (open.opens || open.aside <= aside || !requests.has(open)) return
    await renew(parts, open, { held: open.held, aside }, 'nothing')
  }

  return {
    raise: (open, more, onRaised) =>
      inTurn(open, async () => {
        const isRaised = await raise(open, more)
        if (isRaised) onRaised?.()
        return isRaised
      }),
    lower: (open, needed) => inTurn(open, () => lower(open, needed)),
  }
}

async function raiseHold(parts: HoldingParts, open: OpenRequest, more: Money): Promise<boolean> {
  const { settings } = parts
  // Where it passed without a hold, there is nothing to raise.
  if (open.opens) return true
  const held = addMoney(open.held, more)
  if (held > amountMax) throw new GatewayError('invalid_request', `Nobody can hold ${formatMoney(held)} dollars.`)
  const aside = open.draw ? open.aside : addMoney(open.aside, more)
  try {
    return await renew(parts, open, { held, aside }, open.draw ? 'nothing' : 'amount')
  } catch (error) {
    const isAway = error instanceof GatewayError && error.code === 'storage_unavailable'
    if (!isAway || settings.onStorageError === 'refuse') throw error
    settings.logger.warn(`lava-gateway: ${open.request_id} goes on with what it holds: the storage is away`)
    return true
  }
}

async function renew(
  parts: HoldingParts,
  open: OpenRequest,
  wanted: Wanted,
  requires: HeldChange['requires'],
): Promise<boolean> {
  const { settings, storage, requests } = parts
  const { request_id } = open
  const record = { ...open.record, held: formatMoney(wanted.held) }
  const expires_at_ms = settings.clock() + settings.holdTtlMs
  const held = { record, amount: wanted.aside, overdraft: settings.overdraft, requires }
  const told = await storage.use((adapter) => adapter.renew({ request_id, expires_at_ms, held }))
  // Finished meanwhile: its settlement frees, or has freed, all of it.
  if (told.outcome === 'not_held' || !requests.has(open)) return false
  if (told.outcome === 'insufficient') {
    const available = availableOf(told.balance, settings.overdraft)
    const refusal = notCovered(available, subtractMoney(wanted.aside, open.aside), settings)
    if (!settings.shadow) throw refusal
    tellShadow(refusal, open, settings)
    return renew(parts, open, wanted, 'nothing')
  }
  // How much is left beside it is not told.
  open.scarce ||= wanted.aside > open.aside
  open.record = record
  open.held = wanted.held
  open.aside = wanted.aside
  return true
}

/** Gives the way back. */
function drawMore({ settings }: HoldingParts, open: OpenRequest, draw: Draw, more: Money): () => void {
  try {
    return draw.raise(more)
  } catch (error) {
    const isShort = error instanceof GatewayError && error.code === 'insufficient_balance'
    if (!settings.shadow || !isShort) throw error
    tellShadow(error, open, settings)
    return () => undefined
  }
}

function notCovered(available: Money, required: Money, { topUpUrl }: Settings<never>): GatewayError {
  const message = 'The balance does not cover so much more.'
  return insufficientBalance({ message, available, required, topUpUrl, maxOutputTokens: null })
}

function tellShadow({ details }: GatewayError, { request_id }: OpenRequest, { logger }: Settings<never>): void {
  const { required, available } = details
  logger.warn(
    `lava-gateway: shadow: would refuse ${request_id} ${String(required)} more: ${String(available)} available`,
  )
}
