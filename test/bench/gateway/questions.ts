// What a proxy's process may be asked, and what it says of itself.
import { z } from 'zod'

export const questionSchema = z.discriminatedUnion('ask', [
  /** Gives this many customers more credit than a benchmark can use. */
  z.object({ ask: z.literal('fund'), customers: z.number() }),
  /** Writes so many records, as calls would have. */
  z.object({ ask: z.literal('fill'), customers: z.number(), records: z.number() }),
  /** CPU and memory so far. With `collect` garbage is collected first. */
  z.object({ ask: z.literal('mark'), collect: z.boolean() }),
  /** What is held of the customers' money. */
  z.object({ ask: z.literal('held'), customers: z.number() }),
  z.object({ ask: z.literal('end') }),
])

export const markSchema = z.object({ cpuMs: z.number(), rssBytes: z.number(), heapBytes: z.number() })

export type Mark = z.output<typeof markSchema>
