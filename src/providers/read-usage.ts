// readUsage: the usage of one answer that the host holds in its hands, without a gateway.
import type { IncomingHttpHeaders } from 'node:http'
import type { Usage } from '../usage.ts'
import { addressOf, describeCall } from './call.ts'
import { catalog, findProvider } from './catalog.ts'
import { endpointOf, familyOfDialect } from './endpoint.ts'
import { providerOfHost } from './known-host.ts'
import type { ProviderFamily } from './provider.ts'
import { openUsageMeter, type Reading } from './usage-meter.ts'

export interface ReadUsageInput {
  request: {
    method: string
    url: string
    headers?: Readonly<Record<string, string | readonly string[] | undefined>>
    /** As it was sent, or parsed. Tells the model, and what is needed to estimate an answer without usage. */
    body?: unknown
  }
  response: { status: number; headers: Readonly<Record<string, string | readonly string[] | undefined>> }
  /** The answer's body as it came over the wire, packed or not, cut anywhere. */
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>
}

/** A reading with its usage laid flat. */
export interface UsageReading extends Omit<Reading, 'usage' | 'model'>, Usage {
  /** The catalogue's key; null for a host that is not in it. */
  provider: string | null
  /** The answer's, else the request's. Absent when neither names one. */
  model?: string
  /** Input and output together. */
  seconds?: number
  /** Input and output together. */
  characters?: number
}

/**
 * Reads the usage out of one provider answer: any known provider, stream or not, compressed or not.
 * An answer that breaks off is estimated and says so; nothing about an answer makes it throw.
 *
 * @throws TypeError when the request's `url` is no absolute URL. Whatever `chunks` throws ends the answer as cut off.
 * @example
 * const response = await fetch(url, { method: 'POST', headers, body })
 * const usage = await readUsage({
 *   request: { method: 'POST', url, body },
 *   response: { status: response.status, headers: Object.fromEntries(response.headers) },
 *   chunks: response.body ?? [],
 * })
 * usage.input_tokens // 12
 */
export async function readUsage({ request, response, chunks }: ReadUsageInput): Promise<UsageReading> {
  const url = new URL(request.url)
  const { body, bodyBytes } = parsedBody(request.body)
  const provider = findProvider(url, catalog)
  const family = provider?.family ?? providerOfHost(url)?.family ?? familyByPath(request.method, url)
  const call = describeCall({ address: addressOf(family, request.method, url), body, bodyBytes })
  const meter = openUsageMeter(call, { status: response.status, headers: plainHeaders(response.headers) })
  let complete = true
  try {
    for await (const chunk of chunks) meter.write(chunk)
  } catch {
    // The connection broke: what came is read as a cut answer.
    complete = false
  }
  const { usage, model: named, ...reading } = await meter.end(complete)
  const model = named ?? call.model
  const seconds = totalOf(usage.input_seconds, usage.output_seconds)
  const characters = totalOf(usage.input_characters, usage.output_characters)
  return {
    ...reading,
    ...usage,
    ...(model === null ? {} : { model }),
    ...(seconds === undefined ? {} : { seconds }),
    ...(characters === undefined ? {} : { characters }),
    provider: provider?.key ?? null,
  }
}

/** A host that is not in the catalogue: the path's shape tells what it speaks. */
function familyByPath(method: string, url: URL): ProviderFamily | null {
  const endpoint = endpointOf(method, url, null)
  return endpoint === null || endpoint === 'free' ? null : familyOfDialect(endpoint)
}

function parsedBody(body: unknown): { body: unknown; bodyBytes: number } {
  if (typeof body !== 'string') return { body, bodyBytes: 0 }
  const bodyBytes = Buffer.byteLength(body)
  try {
    return { body: JSON.parse(body) as unknown, bodyBytes }
  } catch {
    // A form, or nothing: the answer alone has to tell.
    return { body: undefined, bodyBytes }
  }
}

function plainHeaders(headers: ReadUsageInput['response']['headers']): IncomingHttpHeaders {
  const plain: IncomingHttpHeaders = {}
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined) plain[name.toLowerCase()] = typeof value === 'string' ? value : value.join(', ')
  return plain
}

function totalOf(input: number | undefined, output: number | undefined): number | undefined {
  return input === undefined && output === undefined ? undefined : (input ?? 0) + (output ?? 0)
}
