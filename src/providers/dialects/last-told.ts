// Last told: the reader of dialects whose answer, or whose last event, tells all in a few fields.
import type { Picked } from '../../http/json-picker.ts'
import type { PickKind } from '../../http/pick-paths.ts'
import { picksOf } from '../../http/picks.ts'
import { nothingFound, type AnswerHead, type AnswerReader, type Findings, type ReaderRow } from '../answer-reader.ts'
import type { Call } from '../call.ts'
import { countOf, errorMessageOf, quantityOf, textOf } from '../json-value.ts'

/** Paths as in pick-paths.ts. `id`, `model` and `error` are always read, and found by themselves. */
export interface ToldPaths {
  /** Values that tell usage. */
  usage?: readonly string[]
  /** What is counted itself: images, predictions. */
  counts?: readonly string[]
  /** Every value of the path in an object, not only the last. */
  lists?: readonly string[]
  /** Numbers that tell usage, and are 0 in later events. */
  largest?: readonly string[]
  /** Values that tell of the answer: its state, its model where that stands elsewhere. */
  about?: readonly string[]
  /** What the caller receives as text. */
  texts?: readonly string[]
  /** Which objects are looked at. Default: all. */
  only?: (object: Picked) => boolean
}

/** What all objects of an answer said: of each path the last. */
export class Told {
  readonly #values: ReadonlyMap<string, unknown>
  readonly call: Call
  readonly head: AnswerHead

  constructor(values: ReadonlyMap<string, unknown>, call: Call, head: AnswerHead) {
    this.#values = values
    this.call = call
    this.head = head
  }

  get(path: string): unknown {
    return this.#values.get(path)
  }

  text(path: string): string | null {
    return textOf(this.get(path)) ?? null
  }

  count(path: string): number | undefined {
    return countOf(this.get(path))
  }

  quantity(path: string): number | undefined {
    return quantityOf(this.get(path))
  }

  /** A header that holds a number. */
  header(name: string): number | undefined {
    const value = this.head.headers[name]
    return typeof value === 'string' && value.trim() !== '' ? quantityOf(Number(value)) : undefined
  }
}

/**
 * @param find what was said, in our words; what it leaves out is as in `nothingFound`, with the usual `id`, `model` and `error`.
 */
export function lastTold(paths: ToldPaths, find: (told: Told) => Partial<Findings>): ReaderRow {
  const { usage = [], counts = [], lists = [], largest = [], about = [], texts = [], only = () => true } = paths
  const kinds: readonly (readonly [PickKind, readonly string[]])[] = [
    ['head', ['id', 'model']],
    ['value', ['error', ...about, ...usage, ...largest]],
    ['count', counts],
    ['list', lists],
    ['text', texts],
  ]
  const telling = [...usage, ...counts, ...lists, ...largest]
  const picks = picksOf(Object.fromEntries(kinds.flatMap(([kind, names]) => names.map((name) => [name, kind]))))
  return { picks, open: (call, head) => new LastTold({ telling, largest, only, find }, call, head) }
}

interface LastToldParts {
  telling: readonly string[]
  largest: readonly string[]
  only: (object: Picked) => boolean
  find: (told: Told) => Partial<Findings>
}

class LastTold implements AnswerReader {
  readonly #parts: LastToldParts
  readonly #call: Call
  readonly #head: AnswerHead
  readonly #values = new Map<string, unknown>()
  #error: string | null = null

  constructor(parts: LastToldParts, call: Call, head: AnswerHead) {
    this.#parts = parts
    this.#call = call
    this.#head = head
  }

  read(object: Picked): boolean {
    this.#error ??= errorMessageOf(object.get('error')) ?? null
    if (!this.#parts.only(object)) return false
    for (const [path, value] of object) if (!this.#isLarger(path, value)) this.#values.set(path, value)
    return this.#parts.telling.some((path) => object.has(path))
  }

  /** Whether what is known is larger than what is said now. */
  #isLarger(path: string, value: unknown): boolean {
    return this.#parts.largest.includes(path) && Number(this.#values.get(path)) > Number(value)
  }

  findings(): Findings {
    const told = new Told(this.#values, this.#call, this.#head)
    const usual = { error: this.#error, model: told.text('model'), response_id: told.text('id') }
    return { ...nothingFound, ...usual, ...this.#parts.find(told) }
  }
}
