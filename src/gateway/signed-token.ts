// The signed forward token: names customer, meter and limits, holds no secret, expires, and may be given to a browser.
import { createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import type { Clock } from '../clock.ts'
import { GatewayError } from '../errors.ts'
import { customerIdSchema } from '../ledger/customer-id.ts'
import { isMoneyText, parseMoney } from '../money.ts'
import { parseOptions } from '../option.ts'
import type { Meter } from '../pricing/meter.ts'

const word = z.string().min(1).max(255)

const limitsSchema = z.strictObject({
  /** Only calls that name one of these models, as the provider writes them, pass. */
  models: z.array(word).min(1).optional(),
  /** Only calls to these providers (the keys of the `providers` option) pass. */
  providers: z.array(word).min(1).optional(),
  /** How many dollars may be charged by this token in all: spent and held together, as with a balance. */
  amount: z
    .string()
    .refine((text) => isMoneyText(text) && parseMoney(text) > 0n, 'must be a decimal string of dollars above zero')
    .optional(),
  /** How many calls may be made with it. A call that is refused before the provider (402) does not count. */
  requests: z.int().positive().optional(),
})

const secondsMax = 366 * 24 * 60 * 60
const unitSeconds = new Map([['s', 1], ['m', 60], ['h', 3600], ['d', 86_400]]) // prettier-ignore

const inputSchema = z.strictObject({
  customer_id: customerIdSchema,
  meter_slug: z.string().min(1),
  expiresIn: z.union(
    [z.number(), z.string().regex(/^\d{1,9}[smhd]$/)],
    'must be seconds, or a text such as "90s", "15m", "2h" or "7d"',
  ),
  limits: limitsSchema.optional(),
})

/** What a token holds. */
const grantSchema = z.object({
  /** Names the token where its calls are counted. */
  token_id: z.string(),
  customer_id: customerIdSchema,
  meter_slug: z.string(),
  expires_at_ms: z.int(),
  limits: limitsSchema,
})

export type ForwardTokenLimits = z.input<typeof limitsSchema>
export type TokenGrant = z.output<typeof grantSchema>

export interface SignedTokenInput {
  customer_id: string
  meter_slug: string
  /** Seconds, or a text such as `'90s'`, `'15m'`, `'2h'`, `'7d'`; at most 366 days. */
  expiresIn: number | string
  limits?: ForwardTokenLimits
}

export interface SignedTokens {
  /**
   * Signs with the first secret key.
   *
   * @throws TypeError when a field is wrong, the meter is unknown, or the secret key is only known by its hash.
   */
  create: (input: SignedTokenInput) => string
  /** @throws GatewayError `unauthorized` when none of the secret keys signed it, or it has expired. */
  read(text: string): TokenGrant
}

interface SignedTokenParts {
  secretKeys: readonly string[]
  meters: ReadonlyMap<string, Meter>
  clock: Clock
}

const prefix = 'lft_'

export function isSignedToken(text: string): boolean {
  return text.startsWith(prefix)
}

export function createSignedTokens({ secretKeys, meters, clock }: SignedTokenParts): SignedTokens {
  const signingKeys = secretKeys.map(signingKeyOf)

  return {
    create(given) {
      const input = parseOptions(inputSchema, given, 'createForwardToken')
      const [signingKey] = signingKeys
      if (!signingKey)
        throw new TypeError(
          'createForwardToken: signs with the secret key, and only the hash of a made one is kept; set the `secretKey` option or LAVA_SECRET_KEY.',
        )
      if (!meters.has(input.meter_slug))
        throw new TypeError(
          `createForwardToken: \`meter_slug\` is \`${input.meter_slug}\`, which is not in \`meters\` (${[...meters.keys()].join(', ')}).`,
        )
      const { customer_id, meter_slug, limits = {} } = input
      const expires_at_ms = Math.floor(clock() + secondsOf(input.expiresIn) * 1000)
      const grant: TokenGrant = {
        token_id: randomBytes(12).toString('base64url'),
        customer_id,
        meter_slug,
        expires_at_ms,
        limits,
      }
      const signed = `${prefix}${Buffer.from(JSON.stringify(grant)).toString('base64url')}`
      return `${signed}.${signatureOf(signed, signingKey)}`
    },
    read(text) {
      const dot = text.lastIndexOf('.')
      const signed = text.slice(0, Math.max(0, dot))
      if (!signingKeys.some((key) => equal(signatureOf(signed, key), text.slice(dot + 1))))
        throw new GatewayError('unauthorized', 'The forward token is not signed by a secret key of this gateway.')
      const payload = Buffer.from(signed.slice(prefix.length), 'base64url').toString('utf8')
      const { data: grant } = grantSchema.safeParse(JSON.parse(payload))
      // Of another version, with limits that this one does not know.
      if (!grant) throw new GatewayError('unauthorized', 'The forward token is of another version of the gateway.')
      if (grant.expires_at_ms <= clock())
        throw new GatewayError('unauthorized', 'The forward token has expired; ask your server for a new one.')
      return grant
    },
  }
}

/** Of its own purpose, so that no signature tells anything of the secret key or fits anything else (RFC 5869, 3.2). */
function signingKeyOf(secretKey: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secretKey, '', 'lava-gateway signed forward token 1', 32))
}

function signatureOf(signed: string, key: Buffer): string {
  return createHmac('sha256', key).update(signed).digest('base64url')
}

/** Compared as written: decoded, several texts would be the same signature. */
function equal(wanted: string, given: string): boolean {
  const [a, b] = [Buffer.from(wanted), Buffer.from(given)]
  return a.length === b.length && timingSafeEqual(a, b)
}

function secondsOf(expiresIn: number | string): number {
  const unit = typeof expiresIn === 'string' ? (unitSeconds.get(expiresIn.slice(-1)) ?? 1) : 1
  const seconds = typeof expiresIn === 'string' ? Number(expiresIn.slice(0, -1)) * unit : expiresIn
  if (!(seconds > 0 && seconds <= secondsMax))
    throw new TypeError('createForwardToken: `expiresIn` must be above 0 and at most 366 days.')
  return seconds
}
