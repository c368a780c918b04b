// The load of the benchmark, in a process of its own: so many calls in flight, for a while, over kept connections.
import { Pool, type Dispatcher } from 'undici'
import type { z } from 'zod'
import { answerHeader, answerText, requestBody } from './answers.ts'
import { orderSchema, type Loaded } from './load-order.ts'
import { callingOf } from './proxies.ts'

process.on('disconnect', () => process.exit())
process.on('message', (message) => {
  load(orderSchema.parse(message)).then(
    (answered) => process.send?.({ answered }),
    (error: unknown) => process.send?.({ failed: String(error) }),
  )
})
process.send?.({ ready: true })

async function load(order: z.output<typeof orderSchema>): Promise<Loaded> {
  const pool = new Pool(`http://127.0.0.1:${order.port}`, {
    connections: order.inFlight,
    pipelining: 1,
    headersTimeout: 60_000,
  })
  const { path, headers } = callingOf(order.proxy, order.providerPort)
  const body = requestBody(order.requestBytes, order.answer.kind === 'events')
  const shared = { 'content-type': 'application/json', 'user-agent': 'bench', [answerHeader]: answerText(order.answer) }
  const total: Loaded = { requests: 0, aborted: 0, bytes: 0, elapsedMs: 0, firstByteMs: [], latencyMs: [] }
  const beginMs = performance.now()
  let begun = 0
  const one = async () => {
    while (performance.now() - beginMs < order.forMs) {
      const index = begun++
      const customer = `customer-${(index * 7919) % order.customers}`
      const aborts = (index * 37) % 100 < order.abortPercent
      await call(pool, { path, method: 'POST', headers: { ...shared, ...headers(customer) }, body }, aborts, total)
    }
  }
  await Promise.all(Array.from({ length: order.inFlight }, one))
  total.elapsedMs = performance.now() - beginMs
  await pool.destroy()
  total.firstByteMs.sort((a, b) => a - b)
  total.latencyMs.sort((a, b) => a - b)
  return total
}

/** @throws Error when it is not answered with 200: such a run measures nothing. */
function call(
  pool: Pool,
  options: Dispatcher.DispatchOptions,
  aborts: boolean,
  total: Loaded,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const atMs = performance.now()
    let isFirst = true
    pool.dispatch(options, {
      onRequestStart() {
        // undici wants it.
      },
      onResponseStart(_controller, status) {
        if (status !== 200) reject(new Error(`answered ${status}`))
      },
      onResponseData(controller, chunk) {
        total.bytes += chunk.length
        if (!isFirst) return
        isFirst = false
        total.firstByteMs.push(performance.now() - atMs)
        if (!aborts) return
        total.aborted++
        controller.abort(new Error('the caller leaves'))
        resolve()
      },
      onResponseEnd() {
        total.requests++
        total.latencyMs.push(performance.now() - atMs)
        resolve()
      },
      onResponseError(_controller, error) {
        // Broken off by itself it is told of that too; before its first byte nobody has broken it off.
        if (!aborts || isFirst) reject(error)
      },
    })
  })
} // prettier-ignore
