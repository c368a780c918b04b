// The app: one of several equal processes on one database. Told by its environment; tells its port to the process that started it.
import type { AddressInfo } from 'node:net'
import express from 'express'
import { lavaGateway } from 'lava-gateway'
import { openStorage } from './storage.ts'

const { NAME = '', LAVA_SECRET_KEY = '', PROVIDER_URL = '' } = process.env
const { storage, end } = openStorage()
const lava = lavaGateway({
  storage,
  secretKey: LAVA_SECRET_KEY,
  providers: { openai: { baseUrl: `${PROVIDER_URL}/v1`, apiKey: 'the-merchants-key', allowPrivate: true } },
  meters: [
    {
      meter_slug: 'chat',
      name: 'Chat: cost plus 20 %',
      rate_type: 'percentage',
      tier_type: 'tokens_1m',
      tiers: [{ start: '0', rate: '120' }],
    },
  ],
})

const app = express()
app.use((_req, res, next) => {
  res.setHeader('x-instance', NAME)
  next()
})
app.use(lava)
app.post('/top-up', async (_req, res) => {
  res.json(await lava.credit({ customer_id: 'ada', amount: '0.05', entry_id: `top-up-${Date.now()}` }))
})
app.get('/balance', async (_req, res) => {
  const { available } = await lava.canAfford({ customer_id: 'ada', amount: '0' })
  res.json({ available })
})
const server = app.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))

// Ctrl-C in a terminal reaches the whole group; the one that started this asks once more.
process.on('SIGINT', () => undefined)
process.once('SIGTERM', () => {
  server.close()
  server.closeAllConnections()
  void lava
    .close()
    .then(end)
    .then(() => process.disconnect())
})
