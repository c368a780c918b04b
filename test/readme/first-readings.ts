// The README's first steps: its commands, the quick start, and customers who are charged.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import { secretKey } from '../support/fixed.ts'
import { readmeBlock } from './readme.ts'
import { curl, type Readings } from './reading.ts'
import { answersIn, chat, printedBy, recordsAt, shell, type Scene } from './scene.ts'
import { expressSession } from './sessions.ts'

const withSession = { modules: expressSession }

/** The first start: without a key of its own. */
async function quickStart(scene: Scene, openaiKey = 'any'): Promise<{ base: string; key: string }> {
  const { code } = readmeBlock('Quick start 2')
  const program = await scene.start(code, { env: { OPENAI_API_KEY: openaiKey } })
  const [, key = ''] = /LAVA_SECRET_KEY: (aks_live_\S+)/.exec(await program.printed('LAVA_SECRET_KEY: aks_')) ?? []
  return { base: await program.base, key }
}

export const firstReadings: Readings = {
  'lava-gateway 1': {
    promise: 'its commands are those of CI, and start the example',
    async run() {
      expect(await readFile(join(import.meta.dirname, '../../.ci/run'), 'utf8')).toMatch(/^npm ci .*\nnpm test$/m)
      expect(packageJson.scripts.start).toBe('node examples/express-quickstart.ts')
    },
  },

  'Quick start 1': {
    promise: 'names this package and a peer of it, as the test of the package installs them',
    run({ code }) {
      expect(code).toBe(`npm install ${packageJson.name} express\n`)
      expect(packageJson.peerDependencies).toHaveProperty('express')
      return Promise.resolve()
    },
  },

  'Quick start 2': {
    promise: 'prints a key, forwards with it, and refuses whoever has none',
    async run(_block, scene) {
      const { base, key } = await quickStart(scene)
      expect(await chat(base)).toMatchObject({ status: 401, json: { error: { code: 'unauthorized', status: 401 } } })
      expect(scene.provider.callCount).toBe(0)
      expect(await chat(base, { authorization: `Bearer ${key}` })).toMatchObject({ status: 200 })
    },
  },

  'Quick start 3': {
    promise: 'gives the provider the key of its usual variable',
    async run({ code }, scene) {
      const [, file = ''] = /^OPENAI_API_KEY=sk-… node (\S+)\n$/.exec(code) ?? []
      expect(readmeBlock('Quick start 2').code.split('\n')[0]).toBe(`// ${file}`)
      const { base, key } = await quickStart(scene, 'sk-123')
      expect(await chat(base, { authorization: `Bearer ${key}` })).toMatchObject({ status: 200 })
      expect(scene.provider.calls[0]?.headers.authorization).toBe('Bearer sk-123')
    },
  },

  'Quick start 4': {
    promise: 'calls the provider, and shows what it used and cost',
    needs: curl,
    async run({ code }, scene) {
      const { base, key } = await quickStart(scene)
      const [answer, listed] = answersIn(await shell(code.replace('aks_live_…', key), base))
      expect(answer).toMatchObject({ object: 'chat.completion', usage: { total_tokens: 1550 } })
      expect(listed).toMatchObject({
        data: [{ customer_id: null, charge: null, cost: '0.0003900000', model_usage: { total_tokens: 1550 } }],
      })
    },
  },

  'Charge your customers 1': {
    promise: 'charges who is signed in cost plus 20 %, credits a payment once, and refuses a page of another site',
    async run({ code }, scene) {
      const program = await scene.start(code, withSession)
      const base = await program.base
      expect(await chat(base, { 'x-user': 'u1' })).toMatchObject({ status: 200 })
      const [record] = await recordsAt(base)
      expect(record).toMatchObject({ customer_id: 'u1', charge: { amount: '0.0004680000' }, balance_after: '9.9995320000' }) // prettier-ignore
      const foreign = { 'x-user': 'u1', 'sec-fetch-site': 'cross-site' }
      expect(await chat(base, foreign)).toMatchObject({ status: 403 })
      await program.stop()
      const again = await (await scene.start(code, withSession)).base
      await chat(again, { 'x-user': 'u1' })
      expect((await recordsAt(again))[0]).toMatchObject({ balance_after: '9.9990640000' })
    },
  },

  'Charge your customers 2': {
    promise: 'is what a customer is told who can’t pay, and the provider is not called',
    async run({ code }, scene) {
      const { base } = await scene.start(readmeBlock('Charge your customers 1').code, withSession)
      const { status, json } = await chat(await base, { 'x-user': 'u2' })
      expect(status).toBe(402)
      const [shown, told] = [errorIn(JSON.parse(code)), errorIn(json)]
      expect(Object.keys(told)).toEqual(Object.keys(shown))
      for (const name of ['code', 'status', 'top_up_url', 'max_output_tokens']) expect(told[name]).toBe(shown[name])
      for (const name of ['available', 'required', 'shortfall']) expect(told[name]).toMatch(/^\d+\.\d{10}$/)
      expect(scene.provider.callCount).toBe(0)
    },
  },

  'Charge your customers 3': {
    promise: 'charges the customer of the token, and keeps the metadata',
    async run({ code }, scene) {
      const server = await scene.start(readmeBlock('Charge your customers 1').code, withSession)
      const base = await server.base
      expect(await printedBy(`${code}\nconsole.log(answer.status, (await answer.json()).usage)`, scene, { base })).toMatch(/^200 /) // prettier-ignore
      expect((await recordsAt(base))[0]).toMatchObject({
        customer_id: 'u1',
        provider: 'anthropic',
        metadata: { feature: 'summary' },
        // $3 and $15 for a million tokens, plus 20 %.
        charge: { amount: '0.0106200000' },
      })
    },
  },

  'Stock clients 1': {
    promise: 'lets every client get its answer, and charges its customer',
    async run({ code }, scene) {
      const variables = ['OPENAI', 'ANTHROPIC', 'GEMINI', 'MISTRAL', 'COHERE'].map((name) => [`${name}_API_KEY`, 'any'])
      const env = { LAVA_SECRET_KEY: secretKey, ...(Object.fromEntries(variables) as Record<string, string>) }
      const server = await scene.start(readmeBlock('Charge your customers 1').code, { ...withSession, env })
      const base = await server.base
      await printedBy(`${code}\n${callsOfStockClients}`, scene, { base })
      const records = await recordsAt(base)
      expect(records.every(({ customer_id, charge }) => customer_id === 'u1' && Number(charge?.amount) > 0)).toBe(true)
      const providers = records.map(({ provider }) => provider).toReversed()
      expect(providers).toEqual(['openai', 'anthropic', 'google', 'mistral', 'cohereNative', 'openai'])
    },
  },
}

const callsOfStockClients = `
import { generateText } from 'ai'
const messages = [{ role: 'user', content: 'Hello' }]
await openai.chat.completions.create({ model: 'gpt-4o-mini', messages })
await anthropic.messages.create({ model: 'claude-sonnet-4-5', max_tokens: 100, messages })
await google.models.generateContent({ model: 'gemini-2.5-flash', contents: 'Hello' })
await mistral.chat.complete({ model: 'mistral-large-latest', messages })
await cohere.chat({ model: 'command-a-03-2025', messages })
await generateText({ model: aiSdk('gpt-4o'), prompt: 'Hello' })
`

function errorIn(body: unknown): Record<string, unknown> {
  return (body as { error: Record<string, unknown> }).error
}
