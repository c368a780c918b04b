// Two processes of one app on one database, behind a round-robin proxy: one balance, never overspent. Needs no key and no service.
//   node examples/two-instances/start.ts
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { forwardToken } from 'lava-gateway'
import { mockProvider } from 'lava-gateway/testing'
import { roundRobin } from './round-robin.ts'

const secretKey = 'aks_test_two_instances_0123456789'
const chatUrl = 'https://api.openai.com/v1/chat/completions'
const folder = mkdtempSync(join(tmpdir(), 'lava-two-instances-'))

const provider = await mockProvider({ behaviour: { inputTokens: 5, outputTokens: 350, delayMs: 20 } })
const apps = ['one', 'two'].map((name) =>
  fork(join(import.meta.dirname, 'app.ts'), {
    env: {
      ...process.env,
      NAME: name,
      LAVA_SECRET_KEY: secretKey,
      PROVIDER_URL: provider.url,
      DATABASE_PATH: join(folder, 'lava.db'),
    },
  }),
)
const ports = await Promise.all(apps.map(async (app) => ((await once(app, 'message')) as [{ port: number }])[0].port))
const proxy = roundRobin(ports).listen(Number(process.env.PORT ?? 0), '127.0.0.1')
await once(proxy, 'listening')
const base = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
const token = forwardToken({ secret_key: secretKey, customer_id: 'ada', meter_slug: 'chat' })

await fetch(`${base}/top-up`, { method: 'POST' })
console.log(`ada has $${await balance()}, on either process. 100 calls at once:\n`)
const answers = await Promise.all(Array.from({ length: 100 }, call))
for (const name of ['one', 'two']) {
  const count = (status: number) => answers.filter((each) => each.instance === name && each.status === status).length
  console.log(`  process ${name}: ${count(200)} answered, ${count(402)} refused with 402`)
}
console.log(`\nThe provider got ${provider.callCount} calls; ada has $${await balance()} left.`)
console.log(`
The processes stay up (Ctrl-C ends them). Top up, then call by hand:

  curl -X POST ${base}/top-up
  curl '${base}/v1/forward?u=${chatUrl}' \\
    -H 'authorization: Bearer ${token}' -H 'content-type: application/json' \\
    -d '{"model":"gpt-4o","messages":[{"role":"user","content":"Hello"}],"max_tokens":350}'
`)

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stop())

async function stop(): Promise<void> {
  proxy.close()
  proxy.closeAllConnections()
  const ended = apps.map((app) => once(app, 'exit'))
  for (const app of apps) app.kill('SIGTERM')
  await Promise.all(ended)
  await provider.close()
  rmSync(folder, { recursive: true, force: true })
}

async function call(): Promise<{ status: number; instance: string | null }> {
  const response = await fetch(`${base}/v1/forward?u=${encodeURIComponent(chatUrl)}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'gpt-4o', max_tokens: 350, messages: [{ role: 'user', content: 'Hello' }] }),
  })
  await response.text()
  return { status: response.status, instance: response.headers.get('x-instance') }
}

/** A call is settled when its answer is through, so the last charges may be a moment away: waits until nothing is pending. */
async function balance(): Promise<string> {
  for (;;) {
    const response = await fetch(`${base}/v1/requests?limit=100`, { headers: { authorization: `Bearer ${secretKey}` } })
    const { data } = (await response.json()) as { data: { status: string }[] }
    if (!data.some(({ status }) => status === 'pending')) break
  }
  const { available } = (await (await fetch(`${base}/balance`)).json()) as { available: string }
  return available
}
