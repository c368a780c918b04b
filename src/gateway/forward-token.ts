// The forward token: base64 JSON that names customer and meter, in Lava's own unsigned form.
import { z } from 'zod'
import { customerIdSchema } from '../ledger/customer-id.ts'

/** Missing and `null` are the same (Lava's client sends both; lava-api 1.5). */
const tokenSchema = z.object({
  secret_key: z.string().min(1),
  customer_id: customerIdSchema.nullish(),
  meter_slug: z.string().min(1).nullish(),
  /** It becomes a header, so it has no spaces, line ends or other characters that a header refuses. */
  provider_key: z
    .string()
    .regex(/^[\x21-\x7e]+$/, 'has characters that no key has')
    .nullish(),
  disable_billing: z.boolean().nullish(),
})

export type ForwardTokenFields = z.input<typeof tokenSchema>
export type ForwardToken = z.output<typeof tokenSchema>

/**
 * Makes a forward token. It holds the secret key: for servers only, never for a browser.
 *
 * @example
 * const token = forwardToken({ secret_key: 'aks_live_…', customer_id: 'u1', meter_slug: 'chat' })
 * // Authorization: Bearer ${token}
 */
export function forwardToken(fields: ForwardTokenFields): string {
  return Buffer.from(JSON.stringify(tokenSchema.parse(fields))).toString('base64')
}

/** Whether a credential has the outside of a forward token: base64 that begins with `{"`, and no dots as a JWT has. */
export function looksLikeForwardToken(text: string): boolean {
  return text.startsWith('eyJ') && /^[A-Za-z0-9+/_-]+={0,2}$/.test(text)
}

/** The token's fields, or what is wrong with it. */
export function readForwardToken(text: string): { token: ForwardToken } | { problem: string } {
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(text, 'base64').toString('utf8'))
  } catch {
    return { problem: 'it is not base64 of a JSON object' }
  }
  const result = tokenSchema.safeParse(value)
  if (!result.success)
    return { problem: result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ') }
  return { token: result.data }
}
