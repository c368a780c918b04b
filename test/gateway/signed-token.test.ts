// Signed forward tokens: safe in a browser, good until they expire, and for no more than they allow.
import { createHmac, hkdfSync } from 'node:crypto'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { forwardToken } from '../../src/gateway/forward-token.ts'
import { createSignedTokens, type SignedTokenInput } from '../../src/gateway/signed-token.ts'
import { createTokenCounts } from '../../src/gateway/token-count.ts'
import { parseMoney, zeroMoney } from '../../src/money.ts'
import { parseMeter } from '../../src/pricing/meter.ts'
import { memoryStorage } from '../../src/storage/memory.ts'
import { chatMeter, chatUrl, runningApp, secretKey, type AppOptions, type RunningApp } from '../support/running-app.ts'

const callsMeter = {
  meter_slug: 'calls',
  name: 'Calls',
  rate_type: 'fixed',
  tier_type: 'requests',
  tiers: [{ start: '0', rate: '0.01' }],
} as const
const otherKey = 'aks_test_another_0123456789'
const meters = new Map([['chat', parseMeter(chatMeter)]])
const nowMs = 1_750_000_000_000
const signer = (...secretKeys: string[]) => createSignedTokens({ secretKeys, meters, clock: () => nowMs })
const input: SignedTokenInput = { customer_id: 'ada', meter_slug: 'chat', expiresIn: '15m' }

describe('a token', () => {
  test('gives back what was signed, to whoever has the key among theirs', () => {
    const limits = fc.record(
      {
        models: fc.array(fc.string({ minLength: 1, maxLength: 40 }), { minLength: 1 }),
        providers: fc.array(fc.string({ minLength: 1, maxLength: 40 }), { minLength: 1 }),
        amount: fc.constantFrom('0.0000000001', '1', '12.5'),
        requests: fc.integer({ min: 1 }),
      },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Za-z0-9ä€@.:-]{1,60}$/), limits, (customer_id, limits) => {
        const token = signer(secretKey).create({ ...input, customer_id, limits })
        expect(token).toMatch(/^[\w.-]+$/)
        const grant = signer(otherKey, secretKey).read(token)
        expect(grant).toMatchObject({ customer_id, meter_slug: 'chat', limits, expires_at_ms: nowMs + 900_000 })
      }),
    )
  })

  test('is refused with any character changed, cut or added, and with any other key', () => {
    const token = signer(secretKey).create({ ...input, limits: { requests: 3 } })
    const characters = Array.from('ABCxyz019-_.=+ "{')
    fc.assert(
      fc.property(fc.nat(token.length), fc.constantFrom(...characters), fc.constantFrom(0, 1), (at, character, cut) => {
        const changed = token.slice(0, at) + character + token.slice(at + cut)
        fc.pre(changed !== token)
        expect(() => signer(secretKey).read(changed)).toThrow('not signed by')
      }),
      { numRuns: 1000 },
    )
    expect(() => signer(otherKey).read(token)).toThrow('not signed by')
    expect(() => signer().read(token)).toThrow('not signed by')
  })

  test('holds no secret, and no signature of two equal tokens is the same', () => {
    const [one, two] = [signer(secretKey).create(input), signer(secretKey).create(input)]
    expect(Buffer.from(one.slice(4), 'base64url').toString('latin1')).not.toContain('aks_')
    expect(one).not.toBe(two)
  })

  test.each<[SignedTokenInput['expiresIn'], number]>([
    [90, 90],
    [0.5, 0.5],
    ['90s', 90],
    ['2h', 7200],
    ['7d', 604_800],
  ])('that expires in %s is good for %d seconds, and not a moment longer', (expiresIn, seconds) => {
    const token = signer(secretKey).create({ ...input, expiresIn })
    const at = (clock: number) => createSignedTokens({ secretKeys: [secretKey], meters, clock: () => clock })
    expect(at(nowMs + seconds * 1000 - 1).read(token).customer_id).toBe('ada')
    expect(() => at(nowMs + seconds * 1000).read(token)).toThrow('has expired')
  })

  test.each<[string, object, string]>([
    ['an unknown meter', { meter_slug: 'chta' }, 'which is not in `meters` (chat)'],
    ['an unknown limit', { limits: { request: 1 } }, 'did you mean `requests`?'],
    ['a time that is none', { expiresIn: '15 minutes' }, '`expiresIn`'],
    ['no time at all', { expiresIn: 0 }, '`expiresIn`'],
    ['a time without end', { expiresIn: Infinity }, '`expiresIn`'],
    ['more than a year', { expiresIn: '367d' }, '366 days'],
    ['an amount that is a number', { limits: { amount: 1 } }, 'limits.amount'],
    ['no amount', { limits: { amount: '0' } }, 'above zero'],
  ])('is not made with %s', (_what, wrong, message) => {
    expect(() => signer(secretKey).create({ ...input, ...wrong })).toThrow(message)
  })

  test('of a version that limits it in ways unknown here is refused, and not taken without them', () => {
    const grant = { token_id: 't', customer_id: 'ada', meter_slug: 'chat', expires_at_ms: nowMs + 1000, limits: { days: 1 } } // prettier-ignore
    const signed = `lft_${Buffer.from(JSON.stringify(grant)).toString('base64url')}`
    const key = Buffer.from(hkdfSync('sha256', secretKey, '', 'lava-gateway signed forward token 1', 32))
    const token = `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`
    expect(() => signer(secretKey).read(token)).toThrow('of another version')
  })

  test('is not made where only the hash of the secret key is known', () => {
    expect(() => signer().create(input)).toThrow('LAVA_SECRET_KEY')
  })
})

describe('a gateway', () => {
  let running: RunningApp
  afterEach(() => running.close())

  async function start(options: AppOptions = {}): Promise<void> {
    running = await runningApp({ behaviour: { inputTokens: 10, outputTokens: 10 }, ...options })
    await running.lava.credit({ customer_id: 'ada', amount: '10', entry_id: 'e' })
  }
  const token = (limits: NonNullable<SignedTokenInput['limits']> = {}) =>
    running.lava.createForwardToken({ ...input, limits })

  test('charges the customer that the token names', async () => {
    await start()
    expect((await running.call({ credential: token() })).status).toBe(200)
    expect((await running.recordsDone(1))[0]).toMatchObject({ customer_id: 'ada', meter_id: 'chat' })
    expect(running.provider.calls[0]?.headers.authorization).toBe('Bearer merchant-key')
  })

  test('answers 401 to a forged one and to one that has expired meanwhile', async () => {
    let now = nowMs
    await start({ lava: { clock: () => now } })
    const credential = token()
    expect((await running.call({ credential: `${credential.slice(0, -2)}AA` })).status).toBe(401)
    expect((await running.call({ credential })).status).toBe(200)
    now += 900_000
    const answer = await running.call({ credential })
    expect(answer.status).toBe(401)
    expect(await answer.text()).toContain('expired')
  })

  test('lets it read no records', async () => {
    await start()
    const headers = { authorization: `Bearer ${token()}` }
    expect((await fetch(`${running.base}/v1/requests`, { headers })).status).toBe(403)
  })

  test('takes unsigned tokens or, where they are turned off, only signed ones and the secret key', async () => {
    await start({ lava: { unsignedTokens: 'refuse' } })
    const unsigned = forwardToken({ secret_key: secretKey, customer_id: 'ada', meter_slug: 'chat' })
    expect((await running.call({ credential: unsigned })).status).toBe(401)
    expect((await running.call({ credential: token() })).status).toBe(200)
    expect((await running.call({ credential: secretKey })).status).toBe(200)
  })

  test('keeps it to its models and its providers, whatever the body tries', async () => {
    await start()
    const limits = { models: ['gpt-4o', 'gpt-4o-mini'], providers: ['openai'] }
    const status = async (body: Record<string, unknown>, target?: string) =>
      (await running.call({ credential: token(limits), body, ...(target ? { target } : {}) })).status
    expect(await status({ model: 'gpt-4o-mini' })).toBe(200)
    expect(await status({ model: 'gpt-4o', models: ['gpt-4o-mini'] })).toBe(200)
    expect(await status({ model: 'o1-pro' })).toBe(403)
    expect(await status({ model: undefined })).toBe(403)
    expect(await status({ model: 'gpt-4o', models: ['gpt-4o', 'o1-pro'] })).toBe(403)
    expect(await status({ model: 'gpt-4o' }, 'https://api.anthropic.com/v1/messages')).toBe(403)
    const listed = await fetch(`${running.base}/v1/providers/openai/files`, {
      headers: { authorization: `Bearer ${token(limits)}` },
    })
    expect(listed.status).toBe(403)
  })

  test.each<[string, string, Record<string, unknown>]>([
    ['in a deployment’s path', 'https://llm.example/openai/deployments/o1-pro/chat/completions', {}],
    ['in the query', 'https://llm.example/v1/chat/completions?model=o1-pro', {}],
    ['under a name that Go reads too', chatUrl, { Model: 'o1-pro' }],
    ['as a fallback', chatUrl, { fallbacks: [{ model: 'o1-pro' }] }],
    ['as an agent', chatUrl, { agent_id: 'o1-pro' }],
    ['in the file of a batch', 'https://api.openai.com/v1/batches', { input_file_id: 'file-1' }],
  ])('keeps it to its models when another stands %s', async (_where, target, body) => {
    const baseUrl = (mock: string) => ({ baseUrl: `${mock}/v1`, apiKey: 'merchant-key', allowPrivate: true })
    await start({
      providers: (mock) => ({
        openai: baseUrl(mock),
        own: { baseUrl: 'https://llm.example', like: 'openai', apiKey: 'merchant-key' },
      }),
    })
    const answer = await running.call({ credential: token({ models: ['gpt-4o'] }), target, body })
    expect(answer.status).toBe(403)
    expect(await answer.json()).toMatchObject({ error: { code: 'forbidden' } })
    expect(running.provider.callCount).toBe(0)
  })

  test('keeps it to its models when a form names two', async () => {
    await start()
    const names = async (...models: string[]) => {
      const form = new FormData()
      for (const model of models) form.append('model', model)
      form.append('file', new Blob(['RIFF']), 'a.wav')
      const authorization = `Bearer ${token({ models: ['whisper-1'] })}`
      const url = `${running.base}/v1/providers/openai/audio/transcriptions`
      return (await fetch(url, { method: 'POST', headers: { authorization }, body: form })).status
    }
    expect(await names('whisper-1')).toBe(200)
    expect(await names('gpt-4o-transcribe', 'whisper-1')).toBe(403)
    expect(await names('whisper-1', 'gpt-4o-transcribe')).toBe(403)
    expect(await names('whisper-1', ...Array.from({ length: 130 }, () => 'whisper-1'))).toBe(403)
  })

  test.each([
    ['GET', '/files'],
    ['GET', '/files/file-1/content'],
    ['DELETE', '/files/file-1'],
    ['GET', '/models'],
    ['DELETE', '/models/ft:gpt-4o:acme'],
    ['GET', '/chat/completions'],
    ['GET', '/batches'],
    ['GET', '/responses/resp_1/input_items'],
    ['POST', '/files'],
    ['POST', '/realtime/client_secrets'],
    ['POST', '/organization/admin_api_keys'],
    ['POST', '/fine_tuning/jobs'],
  ])('lets it do no %s %s of the merchant’s account', async (method, path) => {
    await start({ lava: { meters: [chatMeter, callsMeter] } })
    const credential = running.lava.createForwardToken({ ...input, meter_slug: 'calls' })
    const headers = { authorization: `Bearer ${credential}`, 'content-type': 'application/json' }
    const body = method === 'POST' ? '{"model":"gpt-4o"}' : null
    const answer = await fetch(`${running.base}/v1/providers/openai${path}`, { method, headers, body })
    expect(answer.status).toBe(403)
    expect(running.provider.callCount).toBe(0)
  })

  test('lets it count tokens, and read what it alone knows of', async () => {
    await start()
    const headers = { authorization: `Bearer ${token()}`, 'content-type': 'application/json' }
    for (const path of ['/responses/input_tokens', '/responses/resp_1', '/videos/video_1'])
      await fetch(`${running.base}/v1/providers/openai${path}`, {
        method: path.endsWith('tokens') ? 'POST' : 'GET',
        headers,
        body: path.endsWith('tokens') ? '{"model":"gpt-4o","input":"Hi"}' : null,
      })
    expect(running.provider.callCount).toBe(3)
  })

  test('answers exactly as many requests as it allows, however many come at once', async () => {
    await start()
    const credential = token({ requests: 5 })
    const answers = await Promise.all(Array.from({ length: 20 }, () => running.call({ credential })))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(5)
    expect(answers.filter(({ status }) => status === 403)).toHaveLength(15)
    expect(running.provider.callCount).toBe(5)
  })

  test('holds no more by it than its amount, and counts what was charged in the end', async () => {
    await start()
    // A hold of 100 output tokens is some $0.0012, a charge of 10 and 10 is $0.00015.
    const credential = token({ amount: '0.004' })
    const gate = running.provider.gate()
    let answered = 0
    const calls = Array.from({ length: 10 }, () => running.call({ credential }))
    const { promise: sevenAnswered, resolve } = Promise.withResolvers<undefined>()
    for (const call of calls)
      void call.then(() => {
        if (++answered === 7) resolve(undefined)
      })
    await sevenAnswered
    gate.release()
    const answers = await Promise.all(calls)
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(3)
    await running.recordsDone(3)
    let passed = 3
    while ((await running.call({ credential })).status === 200) await running.recordsDone(++passed)
    const spent = running.records.reduce((sum, { charge }) => sum + parseMoney(charge?.amount ?? '0'), 0n)
    expect(passed).toBeGreaterThan(10)
    expect(spent).toBeLessThanOrEqual(parseMoney('0.004'))
  })

  test('does not count a call that the balance refused', async () => {
    running = await runningApp()
    const credential = token({ requests: 1 })
    expect((await running.call({ credential })).status).toBe(402)
    await running.lava.credit({ customer_id: 'ada', amount: '1', entry_id: 'e' })
    expect((await running.call({ credential })).status).toBe(200)
    expect((await running.call({ credential })).status).toBe(403)
  })

  test('keeps it to its limits on the host’s own routes too', async () => {
    await start({
      after: (app, lava) => {
        app.post('/run', lava.balanceGuard({ estimate: '0.5' }), (req, res) => {
          void req.lava?.report({ cost: '0.5' }).then(() => res.json({}))
        })
      },
    })
    const run = async (credential: string) =>
      (await fetch(`${running.base}/run`, { method: 'POST', headers: { authorization: `Bearer ${credential}` } }))
        .status
    const twice = token({ amount: '1.05' })
    expect([await run(twice), await run(twice)]).toEqual([200, 403])
    expect(await run(token({ models: ['gpt-4o'] }))).toBe(403)
  })
})

describe('the counts', () => {
  const grant = { token_id: 't', customer_id: 'ada', meter_slug: 'chat', expires_at_ms: nowMs, limits: {} }

  async function opened() {
    const adapter = memoryStorage()
    await adapter.open()
    const storage: Parameters<typeof createTokenCounts>[0]['storage'] = { use: (act) => act(adapter) }
    return { adapter, storage }
  }

  test('are one count to all processes, and lose no change', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 250 }), async (processes, limit) => {
        const { storage } = await opened()
        const all = Array.from({ length: processes }, () => createTokenCounts({ storage, clock: () => nowMs }))
        const take = ({ requests, amount }: { requests: number; amount: typeof zeroMoney }) => {
          if (requests >= limit) throw new Error('enough')
          return { requests: requests + 1, amount }
        }
        const tries = Array.from({ length: limit + 20 }, async (_, index) =>
          all[index % processes]?.change(grant, take),
        )
        const results = await Promise.allSettled(tries)
        expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(limit)
        // One that begins now reads what the others wrote.
        const late = createTokenCounts({ storage, clock: () => nowMs })
        await expect(late.change(grant, take)).rejects.toThrow('enough')
      }),
      { numRuns: 25 },
    )
  })

  test('are deleted a day after their token has expired, and not before', async () => {
    const { adapter, storage } = await opened()
    let now = nowMs
    const counts = createTokenCounts({ storage, clock: () => now })
    const later = { ...grant, token_id: 'later', expires_at_ms: nowMs + 200_000_000 }
    for (let change = 0; change < 150; change++) await counts.change(grant, (count) => count)
    await counts.change(later, (count) => count)
    const left = async () => (await adapter.documents('forward_token_use', { limit: 1000 })).length
    now += 86_400_000
    await counts.sweep()
    expect(await left()).toBe(151)
    now += 1
    await counts.sweep()
    expect(await left()).toBe(1)
  })
})
