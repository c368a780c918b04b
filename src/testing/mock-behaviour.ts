// A mock answer's behaviour: how much it uses, how it comes, and what goes wrong with it.
import { z } from 'zod'

const count = z.int().nonnegative()
const delayMs = z.int().nonnegative().max(2_147_483_647)

/** What a caller may ask for in the header `x-mock-behaviour` (JSON). */
export const behaviourSchema = z.strictObject({
  /** What the answer says was used. Default: about a quarter of the prompt's bytes. */
  inputTokens: count.optional(),
  /** Default: the request's cap, at most 20. */
  outputTokens: count.optional(),
  cachedTokens: count.optional(),
  reasoningTokens: count.optional(),
  text: z.string().optional(),
  /** Calls this tool of the request's in place of a text. */
  tool: z.strictObject({ name: z.string(), input: z.record(z.string(), z.unknown()) }).optional(),
  /** Before the first byte. */
  delayMs: delayMs.optional(),
  /** Between the events of a stream. */
  eventDelayMs: delayMs.optional(),
  /** How many text events a stream has. Default 3. */
  events: z.int().positive().optional(),
  /** Answers this error status, in the provider's own shape. */
  status: z.int().min(400).max(599).optional(),
  /** Cuts the connection after so many events of a stream. */
  cutAfterEvents: count.optional(),
  /** Cuts the connection in the middle of a JSON answer. */
  cutBody: z.boolean().optional(),
  omitUsage: z.boolean().optional(),
  encoding: z.enum(['gzip', 'br', 'deflate', 'zstd']).optional(),
  /** Never answers. */
  hang: z.boolean().optional(),
})

export interface Behaviour extends z.infer<typeof behaviourSchema> {
  /** A recorded answer, replayed byte for byte. */
  raw?: { status: number; headers: Readonly<Record<string, string>>; chunks: readonly Uint8Array[] }
}
