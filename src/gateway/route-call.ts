// A route's call: what a handler of the host's will ask its provider, as far as the host's own request tells.
import type { IncomingMessage } from 'node:http'
import { addressOf, describeCall, type Call } from '../providers/call.ts'
import type { ProviderFamily } from '../providers/provider.ts'
import type { ConfiguredProvider } from './configured-provider.ts'

/** @param endpoint the provider's path. Default: the one that its family's clients mostly call. */
export function callOf(req: IncomingMessage, provider: ConfiguredProvider, endpoint: string | undefined): Call {
  const body: unknown = 'body' in req ? req.body : undefined
  const path = endpoint ?? usualPath(provider, body)
  const bodyBytes = Number(req.headers['content-length'] ?? 0)
  return describeCall({
    address: addressOf(provider.family, 'POST', new URL(path, provider.baseUrl)),
    body,
    bodyBytes,
    hostReads: provider.usage !== null,
  })
}

/** The endpoint that a family's clients mostly call. Those of the others say what they are only by their path. */
const usualPaths: Partial<Record<ProviderFamily, string>> = {
  anthropic: '/v1/messages',
  cohere: '/v2/chat',
  google: '/v1beta/models:generateContent',
  ollama: '/api/chat',
}

/** A Responses body is told by its `input`. */
function usualPath({ family }: ConfiguredProvider, body: unknown): string {
  const usual = family === null ? undefined : usualPaths[family]
  if (usual !== undefined) return usual
  return typeof body === 'object' && body !== null && 'input' in body ? '/v1/responses' : '/v1/chat/completions'
}
