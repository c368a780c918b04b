// A gateway in a process of its own, for tests that kill it. Told by its environment; prints its port.
import express from 'express'
import { lavaGateway } from '../../src/express.ts'
import { sqliteStorage } from '../../src/storage/sqlite.ts'
import { chatMeter, secretKey } from './fixed.ts'

const { DATABASE_PATH = '', PROVIDER_URL = '', HOLD_TTL_MS = '1000' } = process.env
const lava = lavaGateway({
  storage: sqliteStorage({ path: DATABASE_PATH }),
  secretKey,
  meters: [chatMeter],
  providers: { openai: { baseUrl: `${PROVIDER_URL}/v1`, apiKey: 'merchant-key', allowPrivate: true } },
  holdTtlMs: Number(HOLD_TTL_MS),
  logger: { info: () => undefined, warn: () => undefined, error: console.error },
  onRecord: (record) => process.send?.({ record }),
})
const app = express()
app.use(lava)
const server = app.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (address !== null && typeof address !== 'string') process.send?.({ port: address.port })
})
