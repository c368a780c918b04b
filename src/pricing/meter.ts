// Meters: the host's pricing rules, checked and frozen.
import { z } from 'zod'
import { isMoneyText } from '../money.ts'
import { parseOptions } from '../option.ts'
import { scaleOf, type RateType, type Scale, type Tier, type TierType } from './scale.ts'

const tierStart = z
  .string('must be a decimal string, such as "0" or "1000000"')
  .regex(
    /^\d{1,15}(\.\d{1,6})?$/,
    'must be a decimal string such as "0" or "1000000", at most six decimals: units counted one by one',
  )
const tierRate = z
  .string('must be a decimal string, such as "2.50"')
  .refine((text) => isMoneyText(text) && !text.startsWith('-'), {
    error: 'must be a decimal string such as "2.50": not negative, at most ten decimals',
  })

const tier = z.strictObject({
  /** From how many units on, counted one by one: tokens, characters, minutes, requests. */
  start: tierStart,
  /** fixed: dollars per million tokens, per million characters, per minute, per request. percentage: per cent of the cost. */
  rate: tierRate,
})

/** A meter as the host writes it. `tokens_1m` with `{ start: '0', rate: '5' }` is five dollars per million tokens. */
export const meterSchema = z
  .strictObject({
    meter_slug: z.string().regex(/^[a-z0-9_-]{1,64}$/, 'must be 1 to 64 of a-z, 0-9, _ and -'),
    name: z.string().min(1, 'must not be empty').max(255, 'must have at most 255 characters'),
    rate_type: z.enum(['fixed', 'percentage'], 'must be `fixed` (a price per unit) or `percentage` (of the cost)'),
    tier_type: z.enum(
      ['tokens_1m', 'characters_1m', 'minutes', 'requests'],
      'must be `tokens_1m`, `characters_1m`, `minutes` or `requests`',
    ),
    tiers: z
      .array(tier)
      .min(1, 'must have at least one tier: [{ start: "0", rate: "…" }]')
      .superRefine((tiers, context) => {
        if (tiers[0] && Number(tiers[0].start) !== 0)
          context.addIssue({ code: 'custom', path: [0, 'start'], message: 'must be "0": the first tier starts at 0' })
        for (const [index, { start }] of tiers.entries()) {
          const before = tiers[index - 1]
          if (before && Number(start) <= Number(before.start))
            context.addIssue({
              code: 'custom',
              path: [index, 'start'],
              message: `must be above ${before.start}, the start before it: put the tiers in ascending order`,
            })
        }
      }),
  })
  .transform((meter): Meter => new FrozenMeter(meter))

/** As a host writes it; constants (`as const`) fit too. */
export type MeterInput = Readonly<Omit<z.input<typeof meterSchema>, 'tiers'>> & {
  readonly tiers: readonly Readonly<z.input<typeof meterSchema>['tiers'][number]>[]
}

/** A pricing rule: graduated tiers of a rate per unit, or of a percentage of the provider's cost. */
export interface Meter {
  readonly meter_slug: string
  readonly name: string
  readonly rate_type: RateType
  readonly tier_type: TierType
  readonly tiers: readonly Tier[]
  /** The tiers to reckon with. No property of its own, so that a meter is printed, stored and copied as the host wrote it. */
  readonly scale: Scale
}

class FrozenMeter implements Meter {
  readonly meter_slug: string
  readonly name: string
  readonly rate_type: RateType
  readonly tier_type: TierType
  readonly tiers: readonly Tier[]
  readonly #scale: Scale

  constructor({ meter_slug, name, rate_type, tier_type, tiers }: Omit<Meter, 'scale'>) {
    this.meter_slug = meter_slug
    this.name = name
    this.rate_type = rate_type
    this.tier_type = tier_type
    this.tiers = Object.freeze(tiers.map(({ start, rate }) => Object.freeze({ start, rate })))
    this.#scale = scaleOf(this)
    Object.freeze(this)
  }

  get scale(): Scale {
    return this.#scale
  }
}

/** What the provider bills is what the customer pays. */
export const defaultMeter: Meter = new FrozenMeter({
  meter_slug: 'default',
  name: 'Default',
  rate_type: 'percentage',
  tier_type: 'tokens_1m',
  tiers: [{ start: '0', rate: '100' }],
})

/**
 * Checks what the host wrote. Its own object is not kept.
 *
 * @throws TypeError that names the field and the mend.
 */
export function parseMeter(input: unknown): Meter {
  return parseOptions(meterSchema, input, 'meter')
}
