// What the load is told to do, and what it tells when it is done.
import { z } from 'zod'
import type { AnswerKind } from './answers.ts'

const answerSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('json'), bytes: z.number(), afterMs: z.number() }),
  z.object({ kind: z.literal('events'), count: z.number(), gapMs: z.number() }),
]) satisfies z.ZodType<AnswerKind>

export const orderSchema = z.object({
  proxy: z.string(),
  port: z.number(),
  providerPort: z.number(),
  answer: answerSchema,
  requestBytes: z.number(),
  inFlight: z.number(),
  /** No call is begun after this time; those under way are finished. */
  forMs: z.number(),
  customers: z.number(),
  /** Of a hundred calls, so many are broken off when their first byte comes. */
  abortPercent: z.number(),
})
export type LoadOrder = z.input<typeof orderSchema>

export const loadedSchema = z.object({
  requests: z.number(),
  aborted: z.number(),
  bytes: z.number(),
  elapsedMs: z.number(),
  /** Sorted. */
  firstByteMs: z.array(z.number()),
  latencyMs: z.array(z.number()),
})
export type Loaded = z.output<typeof loadedSchema>
