// Own prices: our small table for what the library lacks.
import { flatRate, rateNames, unitPriceOf, type ModelPrice, type Rate, type RateName } from './model-price.ts'
import { otherPrices } from './other-prices.ts'
import type { OwnPrice } from './own-price.ts'
import { voicePrices } from './voice-prices.ts'

export const ownPrices: readonly OwnPrice[] = [...voicePrices, ...otherPrices]

/** Null: this table does not have it either. */
export function ownPrice(priceProvider: string, model: string): ModelPrice | null {
  const name = model.toLowerCase()
  const row = ownPrices.find((each) => each.priceProvider === priceProvider && each.model.test(name))
  if (!row) return null
  const rates: Partial<Record<RateName, Rate>> = {}
  for (const rate of rateNames) {
    const price = row.rates[rate]
    if (price) rates[rate] = rateOf(price, row.variants?.filter(({ of }) => of === rate) ?? [])
  }
  const { inputSecondsMin } = row
  return Object.freeze({
    source: `lava-gateway@${row.date}`,
    priceProvider,
    model,
    rates,
    ...(inputSecondsMin === undefined ? {} : { inputSecondsMin }),
  })
}

function rateOf([dollars, per]: readonly [string, number], variants: NonNullable<OwnPrice['variants']>): Rate {
  if (variants.length === 0) return flatRate(dollars, per)
  return {
    ...flatRate(dollars, per),
    variants: variants.map(({ when, dollars: other }) => ({ when, price: unitPriceOf(other, per) })),
  }
}
