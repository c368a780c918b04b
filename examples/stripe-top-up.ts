// A top-up by Stripe: the webhook credits what was paid, once per event, and believes nothing that Stripe did not sign.
import type { AddressInfo } from 'node:net'
import express from 'express'
import { lavaGateway } from 'lava-gateway'
import { memoryStorage } from 'lava-gateway/storage/memory'
import Stripe from 'stripe'

const { STRIPE_SECRET_KEY = 'sk_test_example', STRIPE_WEBHOOK_SECRET = 'whsec_example' } = process.env
const stripe = new Stripe(STRIPE_SECRET_KEY)
// Yours is a database: what is in memory is gone with the process.
const lava = lavaGateway({ storage: memoryStorage(), secretKey: 'aks_test_stripe_0123456789', journalPath: false })

const app = express()
app.use(lava)
// The signature is over the bytes, so nothing may have parsed them before.
app.post('/stripe/webhook', express.raw({ type: 'application/json' }), async (req, res) => {
  const bytes: unknown = req.body
  let event: Stripe.Event
  try {
    if (!Buffer.isBuffer(bytes)) throw new TypeError('the body is not as it came')
    event = stripe.webhooks.constructEvent(bytes, req.headers['stripe-signature'] ?? '', STRIPE_WEBHOOK_SECRET)
  } catch {
    res.status(400).json({ error: 'the signature is not Stripe’s' })
    return
  }
  // A delayed payment (a bank debit) completes its session unpaid, and is told of by an event of its own.
  if (event.type === 'checkout.session.completed' || event.type === 'checkout.session.async_payment_succeeded') {
    const { client_reference_id, amount_total, currency, payment_status } = event.data.object
    if (payment_status === 'paid' && currency === 'usd' && client_reference_id !== null && amount_total !== null) {
      // Stripe delivers an event more than once; its id makes the credit idempotent.
      const credit = { customer_id: client_reference_id, amount: dollars(amount_total), entry_id: event.id }
      const { credited, balance } = await lava.credit(credit)
      console.log(`${event.id}: ${credited ? `credited $${credit.amount}` : 'known'}; balance $${balance}`)
    }
  }
  res.json({ received: true })
})
const server = app.listen(Number(process.env.PORT ?? 0), '127.0.0.1')
await new Promise((resolve) => server.once('listening', resolve))

// Stands where Stripe would: the same event twice, one that is not paid, and one that somebody else signed.
await deliver(paid('evt_1', 'paid'), STRIPE_WEBHOOK_SECRET)
await deliver(paid('evt_1', 'paid'), STRIPE_WEBHOOK_SECRET)
await deliver(paid('evt_2', 'unpaid'), STRIPE_WEBHOOK_SECRET)
await deliver(paid('evt_3', 'paid'), 'whsec_of_somebody_else')
const { available } = await lava.canAfford({ customer_id: 'ada', amount: '0' })
console.log(`ada has $${available}.`)
server.close()
server.closeAllConnections()
await lava.close()

function dollars(cents: number): string {
  return `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, '0')}`
}

function paid(id: string, payment_status: string): string {
  const session = { object: 'checkout.session', client_reference_id: 'ada', amount_total: 1005, currency: 'usd' }
  const type = 'checkout.session.completed'
  return JSON.stringify({ id, object: 'event', type, data: { object: { ...session, payment_status } } })
}

async function deliver(payload: string, secret: string): Promise<void> {
  const signature = stripe.webhooks.generateTestHeaderString({ payload, secret })
  const { port } = server.address() as AddressInfo
  const answer = await fetch(`http://127.0.0.1:${port}/stripe/webhook`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'stripe-signature': signature },
    body: payload,
  })
  console.log(`the webhook answered ${answer.status}`)
}
