// Routes of your own, billed: an agent behind a fixed estimate, a relayed chat, and a flat price per request. Ends by itself.
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import express from 'express'
import { lavaGateway } from 'lava-gateway'
import { memoryStorage } from 'lava-gateway/storage/memory'
import { mockProvider } from 'lava-gateway/testing'

const provider = await mockProvider({ behaviour: { inputTokens: 1200, outputTokens: 350 } })
const lava = lavaGateway({
  storage: memoryStorage(),
  secretKey: 'aks_test_guarded_0123456789',
  customer: (req) => req.get('x-user'), // in your app: the user of your session
  meter: 'chat',
  meters: [
    {
      meter_slug: 'chat',
      name: 'Chat: cost plus 20 %',
      rate_type: 'percentage',
      tier_type: 'tokens_1m',
      tiers: [{ start: '0', rate: '120' }],
    },
    {
      meter_slug: 'searches',
      name: 'A cent a search',
      rate_type: 'fixed',
      tier_type: 'requests',
      tiers: [{ start: '0', rate: '0.01' }],
    },
  ],
  onRecord: ({ endpoint, held, charge, balance_after, note }) =>
    console.log(
      `  ${endpoint}: held ${held}, charged ${charge?.amount ?? '0'}, ${balance_after ?? '-'} left ${note ?? ''}`,
    ),
})

const app = express()
app.use(express.json())

// $0.50 is there before the first step, or the agent does not begin. What it used is told at the end.
app.post('/agent', lava.balanceGuard({ estimate: '0.50' }), async (req, res) => {
  let input_tokens = 0
  let output_tokens = 0
  for (let step = 0; step < 3; step++) {
    const { usage } = (await (await ask(false)).json()) as {
      usage: { prompt_tokens: number; completion_tokens: number }
    }
    input_tokens += usage.prompt_tokens
    output_tokens += usage.completion_tokens
  }
  await req.lava?.report({ provider: 'openai', model: 'gpt-4o', input_tokens, output_tokens })
  res.json({ done: true })
})

// The provider's answer passes through; its usage is read on the way.
app.post(
  '/chat',
  lava.balanceGuard({ provider: 'openai' }),
  lava.usageCapture({ provider: 'openai' }),
  async (_req, res) => {
    const answer = await ask(true)
    res.type('text/event-stream')
    if (answer.body) Readable.fromWeb(answer.body).pipe(res)
  },
)

// One request, one cent; a failure costs nothing.
app.post('/search', lava.balanceGuard({ meter: 'searches' }), (req, res) => {
  if (req.query.q === undefined) throw new Error('nothing to search for')
  res.json({ found: [] })
})

const failed: express.ErrorRequestHandler = (_error, _req, res, next) => {
  if (res.headersSent) next()
  else res.status(500).end()
}
app.use(failed)

const server = app.listen(Number(process.env.PORT ?? 0), '127.0.0.1')
await new Promise((resolve) => server.once('listening', resolve))
const { port } = server.address() as AddressInfo

await lava.credit({ customer_id: 'ada', amount: '0.51', entry_id: 'welcome' })
for (const path of ['/agent', '/chat', '/search?q=lava', '/search', '/agent']) {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: 'POST',
    headers: { 'x-user': 'ada', 'content-type': 'application/json' },
    body: '{"model":"gpt-4o","messages":[{"role":"user","content":"Hello"}],"max_tokens":350}',
  })
  const text = await answer.text()
  console.log(`POST ${path}: ${answer.status}${answer.status === 402 ? ` ${text}` : ''}`)
}

server.close()
server.closeAllConnections()
await Promise.all([lava.close(), provider.close()])

/** What your handler asks the provider: here the mock one. */
function ask(stream: boolean): Promise<Response> {
  const options = stream ? { stream, stream_options: { include_usage: true } } : {}
  return fetch(`${provider.url}/v1/chat/completions`, {
    method: 'POST',
    body: JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: 'Hello' }], ...options }),
  })
}
