// The providers of one gateway: the catalogue with the host's keys, addresses and own entries laid over it.
import type { IncomingHttpHeaders } from 'node:http'
import { z } from 'zod'
import { isPrivateHost } from '../http/public-agent.ts'
import { nearestWord } from '../option.ts'
import { catalog } from '../providers/catalog.ts'
import type { Provider } from '../providers/provider.ts'
import type { Usage } from '../usage.ts'

export interface ConfiguredProvider extends Provider {
  baseUrl: string
  /** The merchant's key; null: none set, and calls need the caller's own. */
  apiKey: string | null
  allowPrivate: boolean
  /** Reads the provider's JSON answers in place of our readers; null: they do. */
  usage: HostUsageReader | null
}

/**
 * Says what a JSON answer used: counts in our conventions (`input_tokens` includes cached ones), and the `model` where the
 * answer names one. Null: such an answer is not billed. What it throws is logged, and the call estimated.
 *
 * @example
 * const usage = (json) => ({ input_tokens: json.meta.tokens_in, output_tokens: json.meta.tokens_out })
 */
export type HostUsageReader = (
  json: unknown,
  response: { status: number; headers: IncomingHttpHeaders },
) => HostUsage | Promise<HostUsage>

type HostUsage = (Usage & { model?: string }) | null | undefined

const usageReader = z.custom<HostUsageReader>((value) => typeof value === 'function', 'must be a function')

export const providerOptionsSchema = z.strictObject({
  /** Where calls go instead of the catalogue's address. */
  baseUrl: z.url({ protocol: /^https?$/, error: 'an http(s) URL, such as https://llm.example/v1' }).optional(),
  /** The merchant's key for it. Default: the provider's usual environment variable. */
  apiKey: z.string().min(1).optional(),
  /** For an entry of the host's own: the catalogue provider whose formats, key header and prices it shares. */
  like: z.string().optional(),
  /** Reads its JSON answers, where no provider of the catalogue is like it. */
  usage: usageReader.optional(),
  /** Lets `baseUrl` be http, localhost or a private address. Default false. */
  allowPrivate: z.boolean().optional(),
  /**
   * Whether chat streams are asked for their usage (`stream_options.include_usage`) where the caller did not ask; the extra event
   * is taken out again. False for a server that refuses the question, or tells unasked. Default: as the catalogue has it for
   * the provider, or the one in `like`; true for `like: 'openai'`.
   */
  includeUsage: z.boolean().optional(),
})

export type ProviderOptions = z.input<typeof providerOptionsSchema>

/**
 * @throws TypeError when an entry is unknown and says neither `baseUrl` nor `like`, or when its address is private and
 * `allowPrivate` is not set.
 */
export function configureProviders(
  options: Readonly<Record<string, ProviderOptions>>,
  environment: Readonly<Record<string, string | undefined>>,
): ConfiguredProvider[] {
  const configured: ConfiguredProvider[] = []
  for (const entry of catalog) {
    const provider = configure(entry, Object.hasOwn(options, entry.key) ? options[entry.key] : undefined, environment)
    if (provider) configured.push(provider)
  }
  for (const [key, own] of Object.entries(options)) {
    if (catalog.some((entry) => entry.key === key)) continue
    configured.push(ownEntry(key, own, environment))
  }
  return configured
}

/** The catalogue's entry with the host's words laid over it; null when it has no address and the host gave none. */
function configure(
  entry: Provider,
  options: ProviderOptions | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): ConfiguredProvider | null {
  const baseUrl = options?.baseUrl === undefined ? entry.baseUrl : withoutSlash(options.baseUrl)
  if (baseUrl === null) {
    if (options)
      throw new TypeError(
        `lavaGateway: \`providers.${entry.key}\` needs its \`baseUrl\` (it has no common public address).`,
      )
    return null
  }
  const allowPrivate = options?.allowPrivate ?? false
  // A catalogue entry with a private address of its own (a local model server) takes part only when the host says so.
  if (!options && isPrivateHost(new URL(baseUrl).hostname)) return null
  requirePublic(entry.key, baseUrl, allowPrivate)
  const fromEnvironment = entry.apiKeyVariables
    .map((name) => environment[name])
    .find((value) => value !== undefined && value !== '')
  const apiKey = options?.apiKey ?? fromEnvironment ?? null
  const usageOnlyIfAsked = options?.includeUsage ?? entry.usageOnlyIfAsked
  return { ...entry, baseUrl, apiKey, allowPrivate, usageOnlyIfAsked, usage: options?.usage ?? null }
}

function ownEntry(
  key: string,
  options: ProviderOptions,
  environment: Readonly<Record<string, string | undefined>>,
): ConfiguredProvider {
  const keys = catalog.map((entry) => entry.key)
  if (options.baseUrl === undefined) {
    const nearest = nearestWord(key, keys)
    throw new TypeError(
      `lavaGateway: \`providers.${key}\` is not in the catalogue; ${nearest ? `did you mean \`${nearest}\`?` : 'give it a `baseUrl` (and `like`).'}`,
    )
  }
  const like = options.like === undefined ? undefined : catalog.find((entry) => entry.key === options.like)
  if (options.like !== undefined && !like) {
    const nearest = nearestWord(options.like, keys)
    throw new TypeError(
      `lavaGateway: \`providers.${key}.like\` names no provider of the catalogue: ${options.like}${nearest ? `; did you mean \`${nearest}\`?` : ''}`,
    )
  }
  const entry: Provider = {
    key,
    baseUrl: null,
    publicBaseUrl: null,
    auth: like?.auth ?? (options.apiKey === undefined ? null : { header: 'authorization', prefix: 'Bearer ' }),
    // The model's own environment variables belong to the provider it is like, not to this one.
    apiKeyVariables: [],
    family: like?.family ?? null,
    priceProvider: like?.priceProvider ?? null,
    usageOnlyIfAsked: like?.usageOnlyIfAsked ?? false,
  }
  const configured = configure(entry, options, environment)
  if (!configured) throw new TypeError(`lavaGateway: \`providers.${key}\` needs a \`baseUrl\`.`)
  return configured
}

function requirePublic(key: string, baseUrl: string, allowPrivate: boolean): void {
  if (allowPrivate) return
  const url = new URL(baseUrl)
  if (url.protocol !== 'https:' || isPrivateHost(url.hostname))
    throw new TypeError(
      `lavaGateway: \`providers.${key}.baseUrl\` is ${url.origin}, which is not public https; set \`allowPrivate: true\` if that is meant.`,
    )
}

function withoutSlash(baseUrl: string): string {
  const url = new URL(baseUrl)
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`
}
