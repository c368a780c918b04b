// The quick start on Koa: calls that are forwarded and charged, until the balance is spent. Needs no key and no service.
import type { AddressInfo } from 'node:net'
import Koa from 'koa'
import { forwardToken, lavaGateway } from 'lava-gateway/koa'
import { memoryStorage } from 'lava-gateway/storage/memory'
import { mockProvider } from 'lava-gateway/testing'

const secretKey = 'aks_test_quickstart_0123456789'
const chatUrl = 'https://api.openai.com/v1/chat/completions'

// Stands where OpenAI would: calls addressed to api.openai.com go to its address.
const provider = await mockProvider({ behaviour: { inputTokens: 1200, outputTokens: 350, eventDelayMs: 20 } })
const lava = lavaGateway({
  storage: memoryStorage(),
  secretKey,
  providers: { openai: { baseUrl: `${provider.url}/v1`, apiKey: 'the-merchants-key', allowPrivate: true } },
  meters: [
    {
      meter_slug: 'chat',
      name: 'Chat: cost plus 20 %',
      rate_type: 'percentage',
      tier_type: 'tokens_1m',
      tiers: [{ start: '0', rate: '120' }],
    },
  ],
  onRecord: ({ endpoint, charge, balance_after }) => {
    console.log(`${endpoint}: charged ${charge?.amount ?? '0'}, ${balance_after ?? '?'} left`)
  },
})

const app = new Koa()
// A refusal that nobody catches is answered in the gateway's shape; the app hears of it.
app.on('error', (error: Error) => console.log(`refused: ${error.message}`))
app.use(lava)
const server = app.listen(Number(process.env.PORT ?? 0), '127.0.0.1')
await new Promise((resolve) => server.once('listening', resolve))
const { port } = server.address() as AddressInfo
const base = `http://127.0.0.1:${port}`
const token = forwardToken({ secret_key: secretKey, customer_id: 'ada', meter_slug: 'chat' })

await lava.credit({ customer_id: 'ada', amount: '0.03', entry_id: 'welcome' })
console.log('ada begins with $0.03.')
let calls = 0
for (let status = 200; status === 200; calls++) status = await chat({ stream: calls % 2 === 1 })
console.log(`The provider has had ${provider.callCount} of ${calls} calls.`)
console.log(`\nThe app stays up (Ctrl-C ends it). Call by hand:

  curl '${base}/v1/forward?u=${chatUrl}' \\
    -H 'authorization: Bearer ${token}' -H 'content-type: application/json' \\
    -d '{"model":"gpt-4o","messages":[{"role":"user","content":"Hello"}],"max_tokens":350}'
`)

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    server.close()
    server.closeAllConnections()
    void Promise.all([lava.close(), provider.close()])
  })
}

async function chat(extra: { stream: boolean }): Promise<number> {
  const answer = await fetch(`${base}/v1/forward?u=${encodeURIComponent(chatUrl)}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'gpt-4o',
      max_tokens: 350,
      messages: [{ role: 'user', content: 'Hello' }],
      ...extra,
    }),
  })
  await answer.text()
  return answer.status
}
