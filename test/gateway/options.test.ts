// Options: checked once, with the mend in the message, and the host's own object left alone.
import { expect, test } from 'vitest'
import { lavaGateway } from '../../src/express.ts'
import { settingsFrom, type LavaOptions } from '../../src/gateway/options.ts'
import { memoryStorage } from '../../src/storage/memory.ts'

const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined }
const settings = (options: LavaOptions = {}, environment = {}) =>
  settingsFrom({ storage: memoryStorage(), logger: quiet, ...options }, environment)

test.each<[string, unknown, string]>([
  ['an unknown option', { metrs: [] }, 'unknown option `metrs`; did you mean `meters`?'],
  [
    'an unknown option inside another',
    { guard: { mod: 'balance' } },
    'unknown option `guard.mod`; did you mean `mode`?',
  ],
  ['an unknown guard mode', { guard: { mode: 'strictly' } }, 'guard.mode'],
  ['a number for an amount', { guard: { overdraft: 1 } }, 'decimal string of dollars'],
  ['a short secret key', { secretKey: 'secret' }, 'aks_live_'],
  ['a misspelt provider', { providers: { opnai: { apiKey: 'k' } } }, 'did you mean `openai`?'],
  [
    'an unknown like',
    { providers: { mine: { baseUrl: 'https://llm.example/v1', like: 'opnai' } } },
    'did you mean `openai`?',
  ],
  [
    'a private address',
    { providers: { mine: { baseUrl: 'http://127.0.0.1:1234/v1', like: 'openai' } } },
    'allowPrivate: true',
  ],
  ['plain http', { providers: { mine: { baseUrl: 'http://llm.example/v1', like: 'openai' } } }, 'allowPrivate: true'],
  ['azure without its address', { providers: { azure: { apiKey: 'k' } } }, 'needs its `baseUrl`'],
  ['an unknown meter', { meter: 'chat' }, 'not in `meters` (default)'],
  ['a meter named twice', { meters: [meter('a'), meter('a')] }, 'twice'],
  ['a meter whose tiers do not begin at 0', { meters: [{ ...meter('a'), tiers: [{ start: '5', rate: '1' }] }] }, '0'],
  ['a storage that is none', { storage: {} }, 'must be a storage adapter'],
  ['a price that is a number', { prices: { 'my-model': { input_tokens_1m: 3 } } }, 'decimal string'],
])('%s fails at construction and says the mend', (_what, options, message) => {
  expect(() => lavaGateway({ storage: memoryStorage(), logger: quiet, ...(options as LavaOptions) })).toThrow(message)
})

test('the host’s own object is never written to', () => {
  const options = Object.freeze({
    meters: Object.freeze([Object.freeze(meter('chat'))]),
    guard: Object.freeze({ shadow: true }),
  })
  expect(settings(options).shadow).toBe(true)
  expect(Object.isFrozen(settings(options))).toBe(true)
})

test('keys come from the usual variables, and an option goes before them', () => {
  const environment = {
    OPENAI_API_KEY: 'from-env',
    ANTHROPIC_API_KEY: 'also',
    LAVA_SECRET_KEY: 'aks_live_0123456789abcdef',
  }
  const { providers, secretKeys } = settings({ providers: { openai: { apiKey: 'from-option' } } }, environment)
  const keyOf = (name: string) => providers.find(({ key }) => key === name)?.apiKey
  expect([keyOf('openai'), keyOf('anthropic'), keyOf('mistral')]).toEqual(['from-option', 'also', null])
  expect(secretKeys).toEqual(['aks_live_0123456789abcdef'])
})

test('a local model server takes part only when the host says so', () => {
  expect(settings().providers.some(({ key }) => key === 'ollama')).toBe(false)
  const { providers } = settings({ providers: { ollama: { allowPrivate: true } } })
  expect(providers.find(({ key }) => key === 'ollama')?.baseUrl).toBe('http://127.0.0.1:11434')
})

test('a key is made, printed once and kept as a hash when none is given', async () => {
  const storage = memoryStorage()
  const said: string[] = []
  const logger = { ...quiet, info: (text: string) => said.push(text) }
  const env = process.env.LAVA_SECRET_KEY
  delete process.env.LAVA_SECRET_KEY
  try {
    await lavaGateway({ storage, logger }).canAfford({ customer_id: 'a', amount: '0' })
    await lavaGateway({ storage, logger }).canAfford({ customer_id: 'a', amount: '0' })
  } finally {
    if (env !== undefined) process.env.LAVA_SECRET_KEY = env
  }
  expect(said).toHaveLength(1)
  const [, key = ''] = /(aks_live_\S+)/.exec(said[0] ?? '') ?? []
  expect(key.length).toBeGreaterThan(40)
  expect(JSON.stringify(await storage.document('secret_key', 'generated'))).not.toContain(key)
})

function meter(meter_slug: string) {
  return {
    meter_slug,
    name: meter_slug,
    rate_type: 'fixed' as const,
    tier_type: 'requests' as const,
    tiers: [{ start: '0', rate: '1' }],
  }
}
