// The app of a page that calls the provider by itself: the server only makes the token. Needs no key and no service.
import { join } from 'node:path'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { lavaGateway } from 'lava-gateway'
import { memoryStorage } from 'lava-gateway/storage/memory'
import { mockProvider } from 'lava-gateway/testing'

const provider = await mockProvider({ behaviour: { text: 'Hello from the mock provider', eventDelayMs: 50 } })
const lava = lavaGateway({
  storage: memoryStorage(),
  secretKey: 'aks_test_browser_0123456789',
  journalPath: false,
  providers: { openai: { baseUrl: `${provider.url}/v1`, apiKey: 'the-merchants-key', allowPrivate: true } },
})
await lava.credit({ customer_id: 'ada', amount: '1', entry_id: 'welcome' })

const app = express()
app.use(lava)
// Behind your session: whoever gets a token spends this customer's balance until it expires.
app.post('/token', (_req, res) => {
  const token = lava.createForwardToken({
    customer_id: 'ada',
    meter_slug: 'default',
    expiresIn: '10m',
    limits: { providers: ['openai'], models: ['gpt-4o-mini'], requests: 20, amount: '0.05' },
  })
  res.json({ token })
})
app.get('/', (_req, res) => res.sendFile(join(import.meta.dirname, 'page.html')))
app.get('/page.js', (_req, res) => res.sendFile(join(import.meta.dirname, 'page.js')))
const server = app.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => {
  console.log(`Open http://127.0.0.1:${(server.address() as AddressInfo).port}/ (Ctrl-C ends it)`)
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    server.close()
    server.closeAllConnections()
    void Promise.all([lava.close(), provider.close()])
  })
}
