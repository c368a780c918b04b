// The README's guides: tokens, routes of the host's own, Koa, other middleware, metered fetches and budgets.
import { once } from 'node:events'
import http2 from 'node:http2'
import { expect } from 'vitest'
import { secretKey } from '../support/fixed.ts'
import type { Block } from './readme.ts'
import type { Readings } from './reading.ts'
import { chat, chatUrl, merchant, printedBy, recordsAt, type Scene } from './scene.ts'
import { expressAgent, expressSession, koaSession } from './sessions.ts'

const [ada, bob] = [{ 'x-user': 'u1' }, { 'x-user': 'u2' }]

/** A client of OpenAI's in the program calls the mock provider, with a key of its own. */
function withOpenAI({ provider }: Scene): Record<string, string> {
  return { LAVA_SECRET_KEY: secretKey, OPENAI_API_KEY: 'of-the-client', OPENAI_BASE_URL: `${provider.url}/v1` }
}

export const guideReadings: Readings = {
  'Tokens for a browser or a mobile app 1': {
    promise: 'gives who is signed in a token for the named model, and nobody else one',
    async run({ code }, scene) {
      await scene.credit('u1', '1')
      const base = await (await scene.start(code, { modules: expressSession })).base
      expect((await fetch(`${base}/token`, { method: 'POST' })).status).toBe(401)
      const answer = await fetch(`${base}/token`, { method: 'POST', headers: ada })
      const { token } = (await answer.json()) as { token: string }
      const bearer = { authorization: `Bearer ${token}` }
      expect(await chat(base, bearer)).toMatchObject({ status: 200 })
      expect(await chat(base, bearer, { model: 'gpt-4o' })).toMatchObject({ status: 403 })
      expect(await chat(base, { authorization: `Bearer ${token}x` })).toMatchObject({ status: 401 })
      expect((await recordsAt(base))[0]).toMatchObject({ customer_id: 'u1', charge: { amount: '0.0003900000' } })
    },
  },

  'Your own routes 1': {
    promise: 'refuses before the handler, and charges what was reported or captured',
    async run({ code }, scene) {
      await scene.credit('u1', '1')
      const program = await scene.start(code, {
        modules: { ...expressSession, ...expressAgent },
        env: withOpenAI(scene),
      })
      const base = await program.base
      expect(await chat(base, bob, { path: '/agents/run' })).toMatchObject({ status: 402, json: { error: { required: '0.5000000000' } } }) // prettier-ignore
      expect(await chat(base, ada, { path: '/agents/run' })).toEqual({ status: 200, json: { heard: 1 } })
      expect(await chat(base, bob, { path: '/chat' })).toMatchObject({ status: 402 })
      expect(scene.provider.callCount).toBe(0)
      expect(await chat(base, ada, { path: '/chat' })).toMatchObject({ status: 200, json: { usage: { total_tokens: 1550 } } }) // prettier-ignore
      await expect.poll(() => scene.available('u1')).toBe('0.9992200000')
    },
  },

  'Koa 1': {
    promise: 'refuses before the agent runs, and charges what it reports',
    async run({ code }, scene) {
      await scene.credit('u1', '1')
      const base = await (await scene.start(code, { modules: koaSession })).base
      const path = '/agents/run'
      expect(await chat(base, bob, { path })).toMatchObject({ status: 402, json: { error: { required: '0.5000000000' } } }) // prettier-ignore
      expect(await chat(base, ada, { path })).toEqual({ status: 200, json: { held: '0.5000000000' } })
      expect((await recordsAt(base))[0]).toMatchObject({ customer_id: 'u1', charge: { amount: '0.1000000000' } })
    },
  },

  'Errors in your own hands 1': { promise: 'lets Koa’s own middleware answer', run: answersProblem },
  'Errors in your own hands 2': { promise: 'lets Express’s own error handler answer', run: answersProblem },

  'Beside other middleware 1': {
    promise: 'forwards and guards among all of them',
    async run({ code }, scene) {
      await scene.credit('u1', '1')
      const base = await (await scene.start(code, { modules: expressSession })).base
      const preflight = await fetch(`${base}/ai/v1/forward`, { method: 'OPTIONS' })
      expect(preflight.status).toBe(204)
      const answer = await fetch(`${base}/ai/v1/forward?u=${chatUrl}`, {
        method: 'POST',
        headers: { ...ada, 'content-type': 'application/json', 'x-forwarded-for': '203.0.113.7' },
        body: JSON.stringify({ model: 'gpt-4o-mini', stream: true, messages: [] }),
      })
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
      expect(answer.headers.get('access-control-expose-headers')).toBe('x-lava-request-id')
      expect(answer.headers.get('content-encoding')).toBeNull()
      expect(await answer.text()).toContain('[DONE]')
      expect(scene.provider.calls[0]?.headers).not.toHaveProperty('x-forwarded-for')
      expect(await chat(base, ada, { path: '/search' })).toEqual({ status: 200, json: { found: [] } })
      expect(await chat(base, bob, { path: '/search' })).toMatchObject({ status: 402 })
    },
  },

  'HTTP/2 1': {
    promise: 'forwards over HTTP/2',
    async run({ code }, scene) {
      const session = http2.connect(await (await scene.start(code)).base)
      const stream = session.request({ ':method': 'POST', ':path': `/v1/forward?u=${chatUrl}`, ...merchant })
      stream.end(JSON.stringify({ model: 'gpt-4o-mini', messages: [] }))
      const [head] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders & { ':status'?: number }]
      expect(head[':status']).toBe(200)
      session.destroy()
    },
  },

  'Two gateways 1': {
    promise: 'keeps the records of each apart',
    async run({ code }, scene) {
      const base = await (await scene.start(code)).base
      expect(await chat(`${base}/eu`, merchant)).toMatchObject({ status: 200 })
      expect(await recordsAt(`${base}/eu`)).toHaveLength(1)
      expect(await recordsAt(`${base}/us`)).toHaveLength(0)
    },
  },

  "A provider's own client 1": {
    promise: 'charges the customer of the fetch, or makes the client throw its 402',
    async run({ code }, scene) {
      const env = withOpenAI(scene)
      await (await scene.start(code, { env })).printed('status: 402')
      await scene.credit('u1', '1')
      await printedBy(code, scene, { env })
      expect(await scene.available('u1')).toBe('0.9996100000')
      expect(scene.provider.calls.map(({ headers }) => headers.authorization)).toEqual(['Bearer of-the-client'])
    },
  },

  'Agent budgets 1': {
    promise: 'refuses the loop at its start, or charges what its calls used and frees the rest',
    async run({ code }, scene) {
      const env = withOpenAI(scene)
      await (await scene.start(code, { env })).printed("code: 'insufficient_balance'")
      expect(scene.provider.callCount).toBe(0)
      await scene.credit('u1', '2.60')
      // Three calls and a cent.
      expect(await printedBy(code, scene, { env })).toContain('0.0111700000')
      expect(await scene.available('u1')).toBe('2.5888300000')
    },
  },

  'Agent budgets 2': {
    promise: 'holds the budget before the handler, and frees what its calls left when the answer ends',
    async run({ code }, scene) {
      await scene.credit('u1', '2')
      const modules = { ...expressSession, ...expressAgent }
      const base = await (await scene.start(code, { modules, env: withOpenAI(scene) })).base
      const path = '/agents/loop'
      expect(await chat(base, bob, { path })).toMatchObject({ status: 402, json: { error: { required: '2.0000000000' } } }) // prettier-ignore
      expect(scene.provider.callCount).toBe(0)
      expect(await chat(base, ada, { path })).toEqual({ status: 200, json: { used: 3100 } })
      // Two calls and a cent.
      await expect.poll(() => scene.available('u1')).toBe('1.9892200000')
    },
  },
}

async function answersProblem({ code }: Block, scene: Scene): Promise<void> {
  const base = await (await scene.start(code)).base
  expect(await chat(base)).toEqual({ status: 401, json: { problem: 'unauthorized' } })
}
