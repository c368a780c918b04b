// The options of guarded routes: checked once, with the mend in the message.
import { z } from 'zod'
import { isMoneyText, parseMoney, type Money } from '../money.ts'
import { nearestWord } from '../option.ts'
import type { ConfiguredProvider } from './configured-provider.ts'
import { amountSchema } from './dollar-amount.ts'
import type { Settings } from './options.ts'

/** Dollars as a decimal string, or a function of the request that gives them. */
export type RouteAmount<Request> = string | ((req: Request) => string | Promise<string>)

export interface BalanceGuardOptions<Request> {
  /** What one request may cost the customer, in dollars. Default: estimated from the body, where the host has parsed it. */
  estimate?: RouteAmount<Request>
  /**
   * Opens a budget of so many dollars, above zero, for a handler that makes several calls: `req.lava.budget`. It is closed when the
   * answer ends, and what is left is freed. Not together with `estimate`.
   */
  budget?: RouteAmount<Request>
  /** The meter of this route. Default: the gateway's `meter` option, or the forward token's. */
  meter?: string
  /** The provider that the handler will call: helps the estimate. */
  provider?: string
}

export interface UsageCaptureOptions {
  /** Whose answer the handler relays. */
  provider: string
  /** The provider's path, such as `/v1/responses`. Default: the family's usual one, told by the request's body. */
  endpoint?: string
}

const callable = z.custom<(...args: never[]) => unknown>((value) => typeof value === 'function')
const estimateSchema = z
  .string()
  .refine((text) => isMoneyText(text) && !text.startsWith('-'), 'must be a decimal string of dollars, such as "0.50"')

export const guardSchema = z
  .strictObject({
    estimate: z.union([estimateSchema, callable]).optional(),
    budget: z.union([amountSchema, callable]).optional(),
    meter: z.string().optional(),
    provider: z.string().optional(),
  })
  .refine(
    ({ estimate, budget }) => estimate === undefined || budget === undefined,
    'options `estimate` and `budget` contradict each other: give one of them, the budget is what is held',
  )

export const captureSchema = z.strictObject({ provider: z.string(), endpoint: z.string().startsWith('/').optional() })

/**
 * What an option says of a request; null: nothing.
 *
 * @throws TypeError when the host's function gives no such amount.
 */
export async function amountFor<Request>(
  option: 'estimate' | 'budget',
  given: RouteAmount<Request> | undefined,
  req: Request,
): Promise<Money | null> {
  if (given === undefined) return null
  const text = typeof given === 'string' ? given : await given(req)
  const schema = option === 'estimate' ? estimateSchema : amountSchema
  if (schema.safeParse(text).success) return parseMoney(text)
  const wanted = option === 'estimate' ? 'no decimal string of dollars' : 'no decimal string of dollars above zero'
  throw new TypeError(`balanceGuard: \`${option}\` returned ${JSON.stringify(text)}, which is ${wanted}.`)
}

export function requireMeter(slug: string, { meters }: Pick<Settings, 'meters'>): void {
  if (!meters.has(slug))
    throw new TypeError(
      `balanceGuard: option \`meter\` is \`${slug}\`, which is not in \`meters\` (${[...meters.keys()].join(', ')}).`,
    )
}

export function requireProvider(
  key: string,
  { providers }: Pick<Settings, 'providers'>,
  owner: string,
): ConfiguredProvider {
  const provider = providers.find((entry) => entry.key === key)
  if (provider) return provider
  const nearest = nearestWord(
    key,
    providers.map((entry) => entry.key),
  )
  throw new TypeError(
    `${owner}: option \`provider\` is \`${key}\`, which is no provider here${nearest ? `; did you mean \`${nearest}\`?` : ''}`,
  )
}
