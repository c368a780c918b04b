// The target: the provider URL a call goes to, checked here and nowhere else.
import { LRUCache } from 'lru-cache'
import { GatewayError } from '../errors.ts'
import { nearestWord } from '../option.ts'
import { addressOf, type CallAddress } from '../providers/call.ts'
import { findProvider } from '../providers/catalog.ts'
import type { ConfiguredProvider } from './configured-provider.ts'

export interface Target {
  provider: ConfiguredProvider
  /** Where the call goes. */
  readonly url: Readonly<URL>
  /** The address as the record shows it: the provider's public one, without query (it may hold a key). */
  shownUrl: string
}

/** A target, and what it tells of a call. */
export interface AddressedTarget extends Target {
  /** `POST https://…`, as the record shows it. */
  endpoint: string
  /** Scheme, host and port of `url`; `path` is the rest. */
  origin: string
  path: string
  address: CallAddress
}

/** @throws GatewayError as `findTarget`. */
export type Targets = (method: string, text: string, named: string | null) => AddressedTarget

/** Longer ones are read anew each time, so that nobody fills the memory with them. */
const remembered = { targets: 1_000, perText: 8, textLengthMax: 1_000 } as const

/** Hosts call few addresses many times: what was checked once is remembered, since neither it nor the providers change. */
export function createTargets(providers: readonly ConfiguredProvider[]): Targets {
  const known = new LRUCache<string, readonly KnownTarget[]>({ max: remembered.targets })
  return (method, text, named) => {
    const kept = known.get(text)
    if (kept) for (const each of kept) if (each.method === method && each.named === named) return each.found
    const target = findTarget(text, providers, named)
    const { url, provider, shownUrl } = target
    const endpoint = `${method} ${shownUrl}`
    const address = addressOf(provider.family, method, url)
    const found = { ...target, endpoint, origin: url.origin, path: `${url.pathname}${url.search}`, address }
    if (text.length <= remembered.textLengthMax)
      known.set(text, [...(kept ?? []).slice(1 - remembered.perText), { method, named, found }])
    return found
  }
}

interface KnownTarget {
  method: string
  named: string | null
  found: AddressedTarget
}

/**
 * The address that `path` under `/v1/providers/{key}` stands for. Some clients bring the version that ends the base address
 * (`/v1/messages`), some do not (`/chat/completions`): both are meant.
 *
 * @throws GatewayError `target_not_allowed` when there is no such provider.
 */
export function addressOfPath(key: string, path: string, providers: readonly ConfiguredProvider[]): string {
  const provider = providers.find((entry) => entry.key === key)
  if (!provider) {
    const nearest = nearestWord(
      key,
      providers.map((entry) => entry.key),
    )
    throw refused(`${JSON.stringify(key)} is no provider here${nearest ? `; did you mean ${nearest}?` : ''}`)
  }
  const base = new URL(provider.publicBaseUrl ?? provider.baseUrl)
  const basePath = base.pathname.replace(/\/$/, '')
  // A base address that ends in a slash makes two of it.
  const single = path.replace(/^\/{2,}/, '/')
  if (isUpload(provider, basePath, single)) return `${base.origin}${single}`
  const [, version] = /(\/v\d[^/]*)$/.exec(base.pathname) ?? []
  const below = version === undefined ? null : pathBelow(version, single)
  return `${base.origin}${basePath}${below ?? single}`
}

/**
 * Checks a target (design 5.12) and moves it to the entry's own `baseUrl` where one is set.
 *
 * @param named the key of the provider that the path form names; of several on one host, that one is meant.
 * @throws GatewayError `target_not_allowed` (or `invalid_request` when it is no URL at all).
 */
export function findTarget(text: string, providers: readonly ConfiguredProvider[], named: string | null): Target {
  if (!URL.canParse(text))
    throw new GatewayError(
      'invalid_request',
      '`u` is not an absolute URL, such as https://api.openai.com/v1/chat/completions.',
    )
  const asked = new URL(text)
  asked.hash = ''
  if (climbs(asked.pathname)) throw refused('its path may not hide `..`')
  if (asked.username !== '' || asked.password !== '') throw refused('it may not hold a user name or a password')
  // The protocol and the port are part of the origin that an entry names, so only what the host configured gets through.
  const provider = findProvider(asked, named === null ? providers : providers.filter(({ key }) => key === named))
  if (!provider) throw refused(`${asked.origin} is not a provider here; add it to the \`providers\` option`)
  const url = movedToBase(asked, provider)
  if (url.protocol !== 'https:' && !provider.allowPrivate) throw refused('only https is relayed')
  return { provider, url, shownUrl: `${asked.origin}${asked.pathname}` }
}

function movedToBase(asked: URL, provider: ConfiguredProvider): URL {
  const own = new URL(provider.baseUrl)
  if (provider.publicBaseUrl === provider.baseUrl) return asked
  const addressed =
    provider.publicBaseUrl === null || asked.origin === own.origin ? own : new URL(provider.publicBaseUrl)
  const upload = isUpload(provider, addressed.pathname, asked.pathname) ? uploadPrefix : ''
  const below = pathBelow(`${upload}${addressed.pathname}`, asked.pathname)
  // Outside the base path there may be other things on the host's own server.
  if (below === null) throw refused(`only paths under ${addressed.pathname} are relayed to ${provider.key}`)
  const moved = new URL(own)
  moved.pathname = `${upload}${own.pathname === '/' ? '' : own.pathname}${below}`
  moved.search = asked.search
  return moved
}

const uploadPrefix = '/upload'

/** Google takes uploads beside its base path: `/upload/v1beta/files`. */
function isUpload({ family }: ConfiguredProvider, basePath: string, path: string): boolean {
  return family === 'google' && pathBelow(`${uploadPrefix}${basePath}`, path) !== null
}

/** Servers that decode a path before they resolve it read `..%2f` and `..;` as steps upwards, which no URL parser does. */
function climbs(path: string): boolean {
  if (!/%2f|%5c|;/i.test(path)) return false
  const parts = path.replaceAll(/%2f|%5c/gi, '/').split('/')
  return parts.some((part) => /^(?:\.|%2e){1,2}(?:;.*)?$/i.test(part))
}

/** The rest of `path` under `base`, beginning with a slash (or empty); null when it is not under it. */
function pathBelow(base: string, path: string): string | null {
  const prefix = base.endsWith('/') ? base.slice(0, -1) : base
  if (!path.startsWith(prefix)) return null
  const below = path.slice(prefix.length)
  return below === '' || below.startsWith('/') ? below : null
}

function refused(reason: string): GatewayError {
  return new GatewayError('target_not_allowed', `The target is not allowed: ${reason}.`)
}
