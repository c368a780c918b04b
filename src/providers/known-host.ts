// Known hosts: whose formats a host speaks that has no fixed address in the catalogue, told by its name.
import { catalog } from './catalog.ts'
import type { Provider } from './provider.ts'

/** A region, a resource or a deployment stands in these names, so no list could hold them all. */
const rows: readonly (readonly [host: RegExp, key: string])[] = [
  [/^bedrock-runtime(?:-fips)?\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?$/, 'bedrock'],
  [/^(?:[a-z0-9-]+-)?aiplatform\.googleapis\.com$/, 'vertex'],
  [/\.(?:openai|services\.ai)\.azure\.com$/, 'azure'],
  [/\.ml\.cloud\.ibm\.com$/, 'watsonx'],
  [/\.endpoints\.huggingface\.cloud$/, 'huggingfaceEndpoint'],
  [/^(?:localhost|127\.0\.0\.1|\[::1\]):11434$/, 'ollama'],
]

/** Only for reading what a host has in its hands: a call is relayed to nobody on the strength of a name. */
export function providerOfHost({ host }: URL): Provider | undefined {
  const key = rows.find(([name]) => name.test(host))?.[1]
  return key === undefined ? undefined : catalog.find((entry) => entry.key === key)
}
