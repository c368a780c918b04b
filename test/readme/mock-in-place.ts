// Loaded before a program of the README (`node --import`): the mock provider stands where the providers would, and whoever started
// the program is told its port. The program itself runs as it is written.
import { channel } from 'node:diagnostics_channel'
import { registerHooks } from 'node:module'
import type { Server } from 'node:net'

const mock = process.env.MOCK_URL ?? ''
const here = JSON.stringify(import.meta.url)
const mark = '?mocked'

registerHooks({
  resolve(specifier, context, nextResolve) {
    const resolved = nextResolve(specifier, context)
    const isDoor = /^lava-gateway(\/koa)?$/.test(specifier)
    return isDoor ? { ...resolved, url: `${resolved.url}${mark}`, shortCircuit: true } : resolved
  },
  load(url, context, nextLoad) {
    if (!url.endsWith(mark)) return nextLoad(url, context)
    const real = JSON.stringify(url.slice(0, -mark.length))
    const source = `
      import { lavaGateway as real } from ${real}
      import { withMock } from ${here}
      export * from ${real}
      export const lavaGateway = (options) => real(withMock(options))`
    return { format: 'module', source, shortCircuit: true }
  },
})

channel('tracing:net.server.listen:asyncEnd').subscribe((message) => {
  const address = (message as { server: Server }).server.address()
  if (typeof address !== 'object' || address === null) return
  process.env.PORT = String(address.port)
  process.send?.({ port: address.port })
})

interface Entry {
  baseUrl?: string
}

const bases = { openai: '/v1', anthropic: '/v1', google: '/v1beta', mistral: '/v1', cohereNative: '' }

/** The same options, with every provider at the mock's address. Their keys are found as ever. */
export function withMock(options: { providers?: Record<string, Entry> } = {}): object {
  const providers: Record<string, Entry> = { ...options.providers }
  for (const [key, path] of Object.entries(bases)) providers[key] = { baseUrl: `${mock}${path}`, ...providers[key] }
  for (const [key, entry] of Object.entries(providers)) {
    const url = new URL(entry.baseUrl ?? mock)
    // What is on this machine already is a mock of the program's own.
    const baseUrl = url.hostname === '127.0.0.1' ? url.href : `${mock}${url.pathname}`
    providers[key] = { ...entry, ...{ baseUrl, allowPrivate: true } }
  }
  return { ...options, providers }
}
