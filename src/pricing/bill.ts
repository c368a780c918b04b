// The bill: the parts of a usage, each at its rate and its factors, added up exactly by side.
import type { CostLine } from './cost-explanation.ts'
import { addFractions, FractionSum, multiplyFractions, ratioOf, type Fraction } from './fraction.ts'
import { isFlat, priceAt, type ModelPrice, type PriceConditions, type Rate, type RateName, type UnitPrice } from './model-price.ts' // prettier-ignore
import { modifiersOf, type Conditions, type Modifiers } from './service-tier.ts'
import { inputTokensOf, takeParts, type Counts, type PartRates, type PartSide, type PartTaker } from './usage-parts.ts'

/** One rate's part of a usage. */
interface Position {
  readonly name: RateName
  readonly side: PartSide
  readonly rate: Rate
  quantity: number
  unit: UnitPrice
  modifiers: Modifiers['known']
}

/** What one model did. */
export class Bill implements PartTaker {
  readonly #price: ModelPrice
  readonly #model: string | undefined
  readonly #positions: Position[] = []
  readonly #input = new FractionSum()
  /** Output and fees. */
  readonly #others = new FractionSum()
  #unpriced: string[] = []

  /**
   * @param model only of work inside another model's answer.
   * @throws RangeError when a count is not a finite number.
   */
  constructor(usage: Counts, price: ModelPrice, conditions: Conditions, model?: string) {
    this.#price = price
    this.#model = model
    takeParts(usage, this)
    // A model that worked inside another's answer is not a request of its own.
    if (price.rates.requests && model === undefined) this.take(requests, 1, 'fee')
    const modifiers = modifiersOf(price, conditions)
    let byTokens = false
    for (const position of this.#positions) {
      if (!isFlat(position.rate)) position.unit = priceAt(position.rate, priceConditions(usage))
      if (position.name === 'input_seconds') position.quantity = Math.max(position.quantity, price.inputSecondsMin ?? 0)
      if (isTokens(position.name)) {
        byTokens = true
        position.modifiers = modifiers.known
      }
      this.#addUp(position)
    }
    if (byTokens && this.#unpriced.length + modifiers.unknown.length > 0)
      this.#unpriced = [...this.#unpriced.filter((name) => !isOtherMeasure(name, usage)), ...modifiers.unknown]
  }

  /** What was used and is in no line, and conditions of an unknown price; a name may come twice. */
  get unpriced(): readonly string[] {
    return this.#unpriced
  }

  /** Whether the price has a rate for nothing of what was used. */
  get coversNothing(): boolean {
    return this.#positions.length === 0 && this.#unpriced.length > 0
  }

  get lines(): CostLine[] {
    const model = this.#model
    return this.#positions.map((position) => lineOf(position, model))
  }

  /** In units of `Money`, not yet rounded. */
  get input(): Fraction {
    return this.#input
  }

  get all(): Fraction {
    return addFractions(this.#input, this.#others)
  }

  take(rates: PartRates, quantity: number, side: PartSide): void {
    for (const name of rates) {
      const rate = this.#price.rates[name]
      if (!rate) continue
      const same = this.#positionOf(name)
      if (same) same.quantity += quantity
      else this.#positions.push({ name, side, rate, quantity, unit: rate.base, modifiers: none })
      return
    }
    this.#unpriced.push(rates[0])
  }

  #positionOf(name: RateName): Position | null {
    for (const position of this.#positions) if (position.name === name) return position
    return null
  }

  #addUp({ side, quantity, unit, modifiers }: Position): void {
    let each = unit.each
    for (const { factor } of modifiers) each = multiplyFractions(each, ratioOf(factor))
    if (side === 'input') this.#input.add(each, quantity)
    else this.#others.add(each, quantity)
  }
}

const requests: PartRates = ['requests']
const none: Modifiers['known'] = []

function priceConditions(usage: Counts): PriceConditions {
  return {
    // Each request of a batch has a context of its own.
    inputTokens: inputTokensOf(usage) / Math.max(1, usage.summed_requests ?? 1),
    made: `${usage.image_size ?? ''} ${usage.image_quality ?? ''}`.trim(),
  }
}

function lineOf({ name, quantity, unit, modifiers, rate }: Position, model: string | undefined): CostLine {
  const line: CostLine = { quantity_of: name, quantity, unit_price: unit.text, per: unit.per }
  if (modifiers.length > 0) line.modifiers = modifiers
  if (rate.source !== undefined) line.source = rate.source
  if (model !== undefined) line.model = model
  return line
}

/** A text to be spoken, a picture, a sound: counted once more, where its tokens are the whole bill. */
function isOtherMeasure(name: string, usage: Counts): boolean {
  if (name === 'images') return usage.output_image_tokens !== undefined
  if (name === 'input_characters') return usage.output_tokens !== undefined
  return name === 'input_seconds' && usage.input_audio_tokens !== undefined
}

/** A service tier is a price of tokens; searches, seconds and pages cost the same in every one. */
function isTokens(name: RateName): boolean {
  return name.endsWith('_tokens')
}
