// A customer's id: the one check of what may name a payer.
import { z } from 'zod'

/**
 * 1 to 255 characters, without control characters and without `/ ? #` (Lava's client puts ids into URL paths unencoded, so
 * such an id would reach another route; lava-api 4).
 */
export const customerIdSchema = z
  .string()
  .min(1)
  .max(255)
  .refine((id) => id.isWellFormed(), 'not well-formed Unicode')
  .regex(/^[^/?#\u0000-\u001f\u007f]+$/, 'a customer id has no control characters and none of / ? #')
