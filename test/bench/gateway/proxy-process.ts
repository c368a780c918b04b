// One proxy of the benchmark, in a process of its own; it tells what it has used so far, and collects garbage when asked.
import type { z } from 'zod'
import { questionSchema, type Mark } from './questions.ts'
import { startProxy, type RunningProxy } from './proxies.ts'

const [, , name = '', providerPort = '', folder = '', label = ''] = process.argv

const proxy = await startProxy(name, { providerPort: Number(providerPort), folder, label })
process.send?.({ port: proxy.port })
process.on('disconnect', () => process.exit())
process.on('message', (message) => {
  answer(proxy, questionSchema.parse(message)).then(
    (answered) => process.send?.({ answered }),
    (error: unknown) => process.send?.({ failed: String(error) }),
  )
})

async function answer({ billing, remove }: RunningProxy, question: z.output<typeof questionSchema>): Promise<unknown> {
  switch (question.ask) {
    case 'fund':
      if (billing) await fund(billing, question.customers)
      return null
    case 'fill':
      if (billing) await fill(billing.storage, question)
      return null
    case 'mark':
      return mark(question.collect)
    case 'held':
      return billing ? heldBy(billing, question.customers) : '0'
    case 'end':
      await remove()
      setImmediate(() => process.exit())
      return null
  }
}

function mark(collect: boolean): Mark {
  if (collect) globalThis.gc?.()
  const { user, system } = process.cpuUsage()
  const { rss, heapUsed } = process.memoryUsage()
  return { cpuMs: (user + system) / 1000, rssBytes: rss, heapBytes: heapUsed }
}

/** Whole, as decimal digits: a message holds no bigint. */
async function heldBy({ storage }: NonNullable<RunningProxy['billing']>, customers: number): Promise<string> {
  let held = 0n
  for (let index = 0; index < customers; index++) held += (await storage.balance(`customer-${index}`)).held
  return held.toString()
}

/** Many at once, so that a storage may group them. */
async function fund({ lava }: NonNullable<RunningProxy['billing']>, customers: number): Promise<void> {
  for (let first = 0; first < customers; first += 1000) {
    const some = Array.from({ length: Math.min(1000, customers - first) }, (_, at) => `customer-${first + at}`)
    await Promise.all(
      some.map((customer_id) => lava.credit({ customer_id, amount: '10000000', entry_id: customer_id })),
    )
  }
}

async function fill(
  storage: NonNullable<RunningProxy['billing']>['storage'],
  { customers, records }: { customers: number; records: number },
): Promise<void> {
  const { measure } = await import('../storage/load.ts')
  await measure(storage, { inFlight: 256, customers, pairs: records })
}
