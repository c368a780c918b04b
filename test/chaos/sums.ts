// Sums of a chaos audit: cost and charge worked out anew from usage, prices and meters, apart from the gateway's own pricing.
import type { RequestRecord } from '../../src/ledger/request-record.ts'
import { divideHalfEven, money, parseMoney, type Money } from '../../src/money.ts'
import { model, prices, type Customer } from './scene.ts'

const million = 1_000_000n
/** A price of ten decimals, per million. */
const perMillion = (price: string, count: number): bigint => parseMoney(price) * BigInt(count)

export interface Tokens {
  input_tokens: number
  output_tokens: number
}

/** What the provider bills for it, in dollars. */
export function costOfTokens({ input_tokens, output_tokens }: Tokens): Money {
  const { input_tokens_1m, output_tokens_1m } = prices[model]
  return money(
    divideHalfEven(perMillion(input_tokens_1m, input_tokens) + perMillion(output_tokens_1m, output_tokens), million),
  )
}

/** What is wrong with a record's charge, or nothing. Which tiers a request falls into is its breakdown's word; they are checked together. */
export function chargeFaults(record: RequestRecord, meter: Customer['meter'], tokens: Tokens): string[] {
  const { charge } = record
  if (!charge) return ['has no charge']
  const faults: string[] = []
  const same = (what: string, found: bigint | number | string, expected: bigint | number | string) => {
    if (found !== expected) faults.push(`${what} is ${found}, should be ${expected}`)
  }
  const cost = costOfTokens(tokens)
  same('the cost', parseMoney(record.cost), cost)
  same('the rate type', charge.rate_type, meter.rate_type)
  const counted = charge.breakdown.reduce((sum, line) => sum + line.tokens, 0)
  same('the tokens in the breakdown', counted, tokens.input_tokens + tokens.output_tokens)
  let rated = 0n
  let charged = 0n
  for (const line of charge.breakdown) {
    const tier = meter.tiers.find(({ start }) => Number(start) === line.tier.start)
    same('the rate', line.tier.rate, tier?.rate ?? 'none')
    // fixed: dollars per million tokens. percentage: per cent of the cost; such a meter has one tier here.
    const rate = parseMoney(line.tier.rate)
    rated += meter.rate_type === 'fixed' ? rate * BigInt(line.tokens) * million : cost * rate
    const soFar = divideHalfEven(rated, 1_000_000_000_000n)
    same('a line', parseMoney(line.cost), soFar - charged)
    charged = soFar
  }
  same('the amount', parseMoney(charge.amount), charged)
  return faults
}

/** Where each tier begins and ends, in tokens. */
export function tierSpans({ tiers }: Customer['meter']): { start: number; end: number }[] {
  return tiers.map(({ start }, index) => ({ start: Number(start), end: Number(tiers[index + 1]?.start ?? Infinity) }))
}

export function chargeOf({ charge }: RequestRecord): Money {
  return parseMoney(charge?.amount ?? '0')
}

export function sumOf(amounts: Iterable<Money>): Money {
  let sum = 0n
  for (const amount of amounts) sum += amount
  return money(sum)
}
