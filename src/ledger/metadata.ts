// Metadata: the host's own labels on a request record, with Lava's limits (lava-api 1.7).
import { z } from 'zod'

const pairsMax = 100

/** At most 100 pairs; keys `[A-Za-z0-9_]`, 1 to 255 characters; values strings of 1 to 255 characters. */
export const metadataSchema = z
  .record(
    z.string().regex(/^[A-Za-z0-9_]{1,255}$/, 'a metadata key has 1 to 255 of the characters A-Z a-z 0-9 _'),
    z.string().min(1).max(255),
  )
  .refine((pairs) => Object.keys(pairs).length <= pairsMax, `at most ${pairsMax} metadata pairs`)

export type Metadata = Readonly<Record<string, string>>
