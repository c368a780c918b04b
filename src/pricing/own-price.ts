// An own price: one row of our small table, with the source that printed it.
import type { RateName } from './model-price.ts'

export interface OwnPrice {
  priceProvider: string
  /** The whole name as the provider gives it, in lower case. */
  model: RegExp
  /** Dollars for so many of them. */
  rates: Readonly<Partial<Record<RateName, readonly [dollars: string, per: number]>>>
  /** Where the size or the quality (`1024x1792 hd`) makes another price of it: the first that fits. */
  variants?: readonly { of: RateName; when: RegExp; dollars: string }[]
  /** Where the figure was printed. */
  source: string
  /** The day on which it was read there. */
  date: string
  inputSecondsMin?: number
}
