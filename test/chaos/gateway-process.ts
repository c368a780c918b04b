// One gateway of a chaos run, in a process of its own: an Express app that is killed and started again.
import express from 'express'
import { z } from 'zod'
import { lavaGateway } from '../../src/express.ts'
import { withOutages } from './outage.ts'
import { meters, prices, secretKey } from './scene.ts'
import { openPlace, placeFromEnvironment } from './places.ts'

const { JOURNAL_PATH = '', PROVIDER_URL = '', INCARNATION = '', HOLD_TTL_MS = '', ON_LOST = '' } = process.env
const place = await openPlace(placeFromEnvironment(process.env))
const storage = withOutages(place.storage)
let requests = 0
const lava = lavaGateway({
  storage,
  secretKey,
  meters,
  prices,
  providers: { openai: { baseUrl: `${PROVIDER_URL}/v1`, apiKey: 'merchant-key', allowPrivate: true } },
  journalPath: JOURNAL_PATH,
  holdTtlMs: Number(HOLD_TTL_MS),
  drainMs: 500,
  providerTimeoutMs: 10_000,
  onLostRequest: ON_LOST === 'charge' ? 'charge' : 'release',
  // A record's id tells which process held it.
  ids: () => `req_${INCARNATION}_${++requests}`,
  logger: {
    info: () => undefined,
    warn: () => undefined,
    error: (...parts: unknown[]) => process.send?.({ error: parts.map(textOf).join(' ') }),
  },
  onRecord: ({ request_id, status }) => process.send?.({ record: { request_id, status } }),
})

const app = express()
app.use(lava)
app.post('/top-up', express.json(), (req, res) => {
  // Why it failed is in the gateway's log; whoever pays tries again.
  const failed = () => res.sendStatus(503)
  lava.credit(req.body as Parameters<typeof lava.credit>[0]).then((credited) => res.json(credited), failed)
})
const server = app.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (address !== null && typeof address !== 'string') process.send?.({ port: address.port })
})

const outageMessage = z.object({ awayForMs: z.number() })
process.on('message', (message) => storage.goAway(outageMessage.parse(message).awayForMs))

// Whoever started it is gone, and nobody would ever end it.
process.once('disconnect', () => process.exit())
process.once('SIGTERM', () => {
  server.close()
  server.closeAllConnections()
  lava
    .close()
    .then(() => place.end())
    .then(() => process.disconnect())
    .catch((error: unknown) => {
      console.error(error)
      process.exit(1)
    })
})

function textOf(part: unknown): string {
  if (!(part instanceof Error)) return String(part)
  return part.cause === undefined ? part.message : `${part.message} (${textOf(part.cause)})`
}
