// The caller: who makes this request, who pays for it, by which meter, with whose provider key.
import type { IncomingMessage } from 'node:http'
import { LRUCache } from 'lru-cache'
import { GatewayError } from '../errors.ts'
import { credentialHeaders } from '../http/headers.ts'
import { customerIdSchema } from '../ledger/customer-id.ts'
import { looksLikeForwardToken, readForwardToken, type ForwardToken } from './forward-token.ts'
import { isSignedToken, type SignedTokens, type TokenGrant } from './signed-token.ts'
import type { SecretKeys } from './secret-key.ts'

export interface Caller {
  /** Who pays; null: the merchant. */
  customer_id: string | null
  meter_slug: string | null
  /** The caller's own provider key; null: the merchant's (`managed`). */
  provider_key: string | null
  /** The customer is recorded, its balance neither checked nor debited (lava-api 1.5). */
  billing_disabled: boolean
  /** What a signed token allows; absent: it was none. */
  grant?: TokenGrant
}

export interface CallerOptions<Request extends IncomingMessage> {
  /** The host's own word on who pays; it goes before any credential. */
  customer: ((req: Request) => unknown) | undefined
  meterOf: (req: Request) => string
  /** Opened with the storage, where a made key lives. */
  keys: () => Promise<SecretKeys>
  tokens: Pick<SignedTokens, 'read'>
  /** Whether tokens in Lava's own form, which hold the secret key, are taken. */
  unsignedTokens: 'accept' | 'refuse'
}

const merchant: Caller = Object.freeze({
  customer_id: null,
  meter_slug: null,
  provider_key: null,
  billing_disabled: false,
})
const tokensKeptMax = 10_000

export interface Callers<Request extends IncomingMessage> {
  /** For forward and guarded routes; at once where nothing has to be waited for. `key` is the credential of the query, if any. */
  ofCall(req: Request, key: string | null): Caller | Promise<Caller>
  /** For report and management routes: a secret key as Bearer, nothing else (design 5.18). */
  requireSecretKey(req: IncomingMessage): Promise<void>
}

export function createCallers<Request extends IncomingMessage>({
  customer,
  meterOf,
  keys,
  tokens,
  unsignedTokens,
}: CallerOptions<Request>): Callers<Request> {
  /** By the carrier as it came: a header is not taken apart again for each call. */
  const known = new LRUCache<string, Caller>({ max: tokensKeptMax })

  function ofCarriers(req: Request, key: string | null): Caller | Promise<Caller> {
    // It goes before all others.
    const { authorization } = req.headers
    return (authorization === undefined ? null : known.get(authorization)) ?? ofCredential(findCredential(req, key))
  }

  function ofCredential({ credential, carrier }: Carried): Caller | Promise<Caller> {
    // Not kept: it may expire meanwhile.
    if (isSignedToken(credential)) return callerOfGrant(tokens.read(credential))
    if (unsignedTokens === 'refuse' && looksLikeForwardToken(credential))
      throw new GatewayError('unauthorized', 'Only signed forward tokens are taken here (lava.createForwardToken).')
    return known.get(carrier) ?? ofNewCredential({ credential, carrier })
  }

  async function ofNewCredential({ credential, carrier }: Carried): Promise<Caller> {
    const caller = readCredential(credential, await keys())
    known.set(carrier, caller)
    return caller
  }

  async function ofDecision(req: Request, key: string | null, decide: (req: Request) => unknown): Promise<Caller> {
    const decided = await hostDecision(decide, req)
    if (decided === null) return ofCarriers(req, key)
    refuseForeignPage(req)
    return { customer_id: decided, meter_slug: meterOf(req), provider_key: null, billing_disabled: false }
  }

  return {
    ofCall: (req, key) => (customer ? ofDecision(req, key, customer) : ofCarriers(req, key)),
    async requireSecretKey(req) {
      const bearer = bearerOf(req.headers.authorization)
      if (bearer === null)
        throw new GatewayError('unauthorized', 'This route needs `Authorization: Bearer <secret key>`.')
      if ((await keys()).has(bearer)) return
      if (looksLikeForwardToken(bearer) || isSignedToken(bearer))
        throw new GatewayError('forbidden', 'A forward token may not call this route; it takes a secret key.')
      throw new GatewayError('unauthorized', 'The secret key is not known here.')
    },
  }
}

/** @throws TypeError when the host's option returns something that can't be a customer's id. */
async function hostDecision<Request>(customer: (req: Request) => unknown, req: Request): Promise<string | null> {
  const decided = await customer(req)
  if (decided === undefined || decided === null || decided === '') return null
  const result = customerIdSchema.safeParse(typeof decided === 'number' ? String(decided) : decided)
  if (!result.success)
    throw new TypeError(
      'lavaGateway: option `customer` returned something that is no customer id (a string of 1 to 255 characters).',
    )
  return result.data
}

/** A visitor's session decided who pays, so a foreign page must not be able to spend it (design 5.18). */
function refuseForeignPage(req: IncomingMessage): void {
  const site = req.headers['sec-fetch-site']
  const foreign = site === undefined ? isForeignOrigin(req) : site === 'cross-site'
  if (foreign) throw new GatewayError('forbidden', 'A page of another site may not call this with a visitor’s session.')
}

function isForeignOrigin(req: IncomingMessage): boolean {
  const { origin } = req.headers
  if (origin === undefined) return false
  // A foreign page can't set x-forwarded-host without a preflight, so a proxy's word may be taken here.
  const hosts = [req.headers.host, req.headers[':authority'], req.headers['x-forwarded-host']]
  return !URL.canParse(origin) || !hosts.includes(new URL(origin).host)
}

interface Carried {
  credential: string
  /** The header's whole value, or that of the query's `key`. */
  carrier: string
}

/** The first carrier that holds something of ours; stock clients fill others with dummies (lava-api 1.4). */
function findCredential(req: IncomingMessage, key: string | null): Carried {
  let seen = key !== null
  for (const header of credentialHeaders) {
    const value = req.headers[header]
    if (typeof value !== 'string' || value === '') continue
    seen = true
    const credential = header === 'authorization' ? bearerOf(value) : value
    if (credential !== null && isOurs(credential)) return { credential, carrier: value }
  }
  if (key !== null && isOurs(key)) return { credential: key, carrier: key }
  throw new GatewayError(
    'unauthorized',
    seen
      ? 'The credential is neither a secret key (aks_…) nor a forward token (base64 of JSON).'
      : 'No credential: send a secret key or a forward token as Authorization: Bearer, x-api-key, x-goog-api-key, xi-api-key or ?key=.',
  )
}

function isOurs(credential: string): boolean {
  return credential.startsWith('aks_') || isSignedToken(credential) || looksLikeForwardToken(credential)
}

function bearerOf(authorization: string | undefined): string | null {
  const parts = /^bearer +(\S+) *$/i.exec(authorization ?? '')
  return parts?.[1] ?? null
}

function readCredential(credential: string, keys: SecretKeys): Caller {
  if (!looksLikeForwardToken(credential)) {
    if (keys.has(credential)) return merchant
    throw new GatewayError('unauthorized', 'The secret key is not known here.')
  }
  const read = readForwardToken(credential)
  if ('problem' in read) throw new GatewayError('unauthorized', `The forward token is broken: ${read.problem}.`)
  if (!keys.has(read.token.secret_key))
    throw new GatewayError('unauthorized', 'The secret key in the forward token is not known here.')
  return callerOfToken(read.token)
}

function callerOfGrant(grant: TokenGrant): Caller {
  const { customer_id, meter_slug } = grant
  return { customer_id, meter_slug, provider_key: null, billing_disabled: false, grant }
}

function callerOfToken(token: ForwardToken): Caller {
  const customer_id = token.customer_id ?? null
  const meter_slug = token.meter_slug ?? null
  if (customer_id !== null && meter_slug === null)
    throw new GatewayError('invalid_request', 'The forward token names a customer but no meter: add `meter_slug`.')
  return {
    customer_id,
    meter_slug,
    provider_key: token.provider_key ?? null,
    billing_disabled: customer_id !== null && token.disable_billing === true,
  }
}
