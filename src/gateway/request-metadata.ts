// The metadata of a forwarded call: from headers and query, checked once.
import type { IncomingHttpHeaders } from 'node:http'
import { GatewayError } from '../errors.ts'
import { metadataSchema, type Metadata } from '../ledger/metadata.ts'

const none: Metadata = Object.freeze({})
const keyPrefix = 'x-lava-metadata-'

/**
 * Takes `?metadata=` (JSON), `x-lava-metadata` (JSON) and `x-lava-metadata-<key>` (one value each, key in lower case); of the
 * same key the later of these wins. Both header forms are documented by Lava (lava-api 1.7).
 *
 * @throws GatewayError `invalid_request` when it is no JSON object or breaks Lava's limits.
 */
export function readRequestMetadata(headers: IncomingHttpHeaders, queryText: string | null): Metadata {
  const headerText = headers['x-lava-metadata']
  const single = singleNames(headers)
  if (queryText === null && headerText === undefined && single.length === 0) return none
  const pairs: Record<string, unknown> = {}
  if (queryText !== null) Object.assign(pairs, objectOf(queryText))
  if (typeof headerText === 'string') Object.assign(pairs, objectOf(headerText))
  for (const name of single) pairs[name.slice(keyPrefix.length).replaceAll('-', '_')] = headers[name]
  const result = metadataSchema.safeParse(pairs)
  if (!result.success) throw invalid(result.error.issues.map((issue) => issue.message).join('; '))
  return result.data
}

function singleNames(headers: IncomingHttpHeaders): readonly string[] {
  let names: string[] | null = null
  for (const name in headers) if (name.startsWith(keyPrefix)) (names ??= []).push(name)
  return names ?? noNames
}

const noNames: readonly string[] = []

function objectOf(text: string): object {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw invalid('not JSON', error)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid('not a JSON object')
  return value
}

function invalid(reason: string, cause?: unknown): GatewayError {
  return new GatewayError('invalid_request', `The metadata is not valid: ${reason}.`, {}, { cause })
}
