// The options of lavaGateway(): checked once, frozen, with every default in one place.
import type { IncomingMessage } from 'node:http'
import { systemClock, systemIds, type Clock, type Ids } from '../clock.ts'
import type { RequestRecord } from '../ledger/request-record.ts'
import type { StorageAdapter } from '../ledger/storage-adapter.ts'
import { parseMoney, type Money } from '../money.ts'
import { parseOptions } from '../option.ts'
import { defaultMeter, parseMeter, type Meter, type MeterInput } from '../pricing/meter.ts'
import type { PricesInput } from '../pricing/price-table.ts'
import { configureProviders, type ConfiguredProvider, type ProviderOptions } from './configured-provider.ts'
import type { Logger } from './logger.ts'
import { optionsSchema, secretKeySchema } from './options-schema.ts'

export interface GuardOptions {
  /**
   * How much is held. `estimate` (default): what the call will probably cost. `balance`: nothing, only a balance above zero is
   * asked (Lava's own rule; calls in flight can then overshoot).
   */
  mode?: 'estimate' | 'balance'
  /** Log what would be refused, and let it through. Default false. */
  shadow?: boolean
  /** How far below zero a customer may go, in dollars. Default `'0'`. */
  overdraft?: string
  /** Held when nothing can be estimated (a guarded route without a readable body, an unknown price). Default `'0.01'`. */
  flatHold?: string
}

/** What `lavaGateway()` takes. Everything has a default. `Request` is what the host's functions are given: Koa's is its context. */
export interface LavaOptions<Request = IncomingMessage> {
  /** Where balances and records live. Default: `sqliteStorage({ path: 'lava.db' })`. */
  storage?: StorageAdapter
  /** `aks_live_…` or `aks_test_…`. Default: `LAVA_SECRET_KEY`; without it one is made, stored as a hash, printed once. */
  secretKey?: string | readonly string[]
  /** The merchant's keys and addresses by provider, and entries of the host's own. */
  providers?: Readonly<Record<string, ProviderOptions>>
  /**
   * Forward tokens in Lava's own form, which hold the secret key: `accept` (default), or `refuse`, so that only those of
   * `createForwardToken` and the secret key itself are taken.
   */
  unsignedTokens?: 'accept' | 'refuse'
  /** Who pays, when the host already knows (a session). Undefined: the forward token says. */
  customer?: (req: Request) => string | number | null | undefined | Promise<string | number | null | undefined>
  /** The meter of calls whose customer the `customer` option named. Default `'default'`. */
  meter?: string | ((req: Request) => string)
  /** Pricing rules. `default` (percentage 100: charge = cost) always exists unless redefined here. */
  meters?: readonly MeterInput[]
  /** Model prices that go before the built-in table. */
  prices?: PricesInput
  guard?: GuardOptions
  /** A percentage meter and a model without a known price: `refuse` (default) with 422, or `allow` and charge nothing. */
  onUnknownPrice?: 'refuse' | 'allow'
  /** The client left: read the provider's answer on for up to `drainMs` (`drain`, default), or `cancel` it at once. */
  onClientAbort?: 'drain' | 'cancel'
  /** Default 10,000. */
  drainMs?: number
  /** A request whose process died: `release` its hold (default), or `charge` what was held. */
  onLostRequest?: 'release' | 'charge'
  /** The storage does not answer: `refuse` calls with 503 (default), or `allow` them without a hold, and charge them later. */
  onStorageError?: 'refuse' | 'allow'
  /** How long an act of the storage may take before it counts as away. Default 30,000. */
  storageTimeoutMs?: number
  /**
   * Where settlements are kept that the storage could not take, on this machine's disk; made only then. `false`: nowhere, and
   * what waits is lost with its process. Default `'lava-journal.db'`.
   */
  journalPath?: string | false
  /** How long `close()` waits for running calls before it breaks them off. Default 30,000. */
  closeTimeoutMs?: number
  /** How long a hold outlives its process. Renewed while the call runs. Default 120,000. */
  holdTtlMs?: number
  /** JSON bodies up to this size are read to estimate their cost; larger ones only pass through. Default 8 MiB. */
  inspectBytesMax?: number
  /** How long a provider may stay silent. Default 600,000. */
  providerTimeoutMs?: number
  /** Shown to a customer who can't pay, in the 402. */
  topUpUrl?: string
  /** Told of each record when it is finished, after the answer; after an outage perhaps twice. */
  onRecord?: (record: RequestRecord) => void
  /** Default: `console`. */
  logger?: Logger
  clock?: Clock
  ids?: Ids
}

/** The options with every default filled in. */
export interface Settings<Request extends IncomingMessage = IncomingMessage> {
  storage: StorageAdapter
  secretKeys: readonly string[]
  unsignedTokens: 'accept' | 'refuse'
  providers: readonly ConfiguredProvider[]
  customer: ((req: Request) => unknown) | undefined
  meterOf: (req: Request) => string
  meters: ReadonlyMap<string, Meter>
  prices: PricesInput
  guardMode: 'estimate' | 'balance'
  shadow: boolean
  overdraft: Money
  flatHold: Money
  onUnknownPrice: 'refuse' | 'allow'
  onClientAbort: 'drain' | 'cancel'
  drainMs: number
  onLostRequest: 'release' | 'charge'
  onStorageError: 'refuse' | 'allow'
  storageTimeoutMs: number
  journalPath: string | null
  closeTimeoutMs: number
  holdTtlMs: number
  inspectBytesMax: number
  providerTimeoutMs: number
  topUpUrl: string | null
  onRecord: (record: RequestRecord) => void
  logger: Logger
  clock: Clock
  ids: Ids
}

type Environment = Readonly<Record<string, string | undefined>>

/**
 * @throws TypeError that names the option and the mend.
 */
export function settingsFrom<Request extends IncomingMessage>(
  given: LavaOptions<Request> & { storage: StorageAdapter },
  environment: Environment = process.env,
): Settings<Request> {
  const options = parseOptions(optionsSchema, given, 'lavaGateway')
  const meters = metersFrom(given.meters ?? [])
  const clock = given.clock ?? systemClock
  const logger = given.logger ?? console
  return Object.freeze({
    storage: given.storage,
    secretKeys: options.secretKey ?? keysFrom(environment),
    unsignedTokens: given.unsignedTokens ?? 'accept',
    providers: configureProviders(given.providers ?? {}, environment),
    customer: given.customer,
    meterOf: meterChooser(given.meter ?? defaultMeter.meter_slug, meters),
    meters,
    prices: given.prices ?? {},
    guardMode: given.guard?.mode ?? 'estimate',
    shadow: given.guard?.shadow ?? false,
    overdraft: parseMoney(given.guard?.overdraft ?? '0'),
    flatHold: parseMoney(given.guard?.flatHold ?? '0.01'),
    onUnknownPrice: given.onUnknownPrice ?? 'refuse',
    onClientAbort: given.onClientAbort ?? 'drain',
    drainMs: given.drainMs ?? 10_000,
    onLostRequest: given.onLostRequest ?? 'release',
    onStorageError: given.onStorageError ?? 'refuse',
    storageTimeoutMs: given.storageTimeoutMs ?? 30_000,
    journalPath: given.journalPath === false ? null : (given.journalPath ?? 'lava-journal.db'),
    closeTimeoutMs: given.closeTimeoutMs ?? 30_000,
    holdTtlMs: given.holdTtlMs ?? 120_000,
    inspectBytesMax: given.inspectBytesMax ?? 8 * 1024 * 1024,
    providerTimeoutMs: given.providerTimeoutMs ?? 600_000,
    topUpUrl: given.topUpUrl ?? null,
    onRecord: given.onRecord ? guarded(given.onRecord, logger) : () => undefined,
    logger,
    clock,
    ids: given.ids ?? systemIds(clock),
  })
}

/** A listener of the host's that throws must not look like a settlement that failed. */
function guarded(listener: (record: RequestRecord) => void, logger: Logger): (record: RequestRecord) => void {
  return (record) => {
    try {
      listener(record)
    } catch (error) {
      logger.error('lavaGateway: option `onRecord` threw:', error)
    }
  }
}

function metersFrom(inputs: readonly MeterInput[]): ReadonlyMap<string, Meter> {
  const meters = new Map([[defaultMeter.meter_slug, defaultMeter]])
  const seen = new Set<string>()
  for (const input of inputs) {
    const meter = parseMeter(input)
    if (seen.has(meter.meter_slug))
      throw new TypeError(`lavaGateway: option \`meters\` names \`${meter.meter_slug}\` twice.`)
    seen.add(meter.meter_slug)
    meters.set(meter.meter_slug, meter)
  }
  return meters
}

function meterChooser<Request>(
  meter: string | ((req: Request) => string),
  meters: ReadonlyMap<string, Meter>,
): (req: Request) => string {
  if (typeof meter === 'function') return meter
  if (!meters.has(meter))
    throw new TypeError(
      `lavaGateway: option \`meter\` is \`${meter}\`, which is not in \`meters\` (${[...meters.keys()].join(', ')}).`,
    )
  return () => meter
}

function keysFrom(environment: Environment): readonly string[] {
  const key = environment.LAVA_SECRET_KEY
  return key === undefined || key === '' ? [] : [parseOptions(secretKeySchema, key, 'LAVA_SECRET_KEY')]
}
