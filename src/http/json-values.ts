// JSON values: takes the same named values as the picker out of JSON that is parsed already.
import { listMax } from './kept-bytes.ts'
import { isEntered, isKept, type PickNode } from './pick-paths.ts'

export interface PickedValues {
  /** What the picker hands over for each object of the outermost level, in their order. */
  roots: ReadonlyMap<string, unknown>[]
  /** The picked texts, in no certain order. */
  texts: string[]
}

/** Bytes of a list's value are counted by the picker; so short a text is never too long for it. */
const listTextLengthMax = 40

/**
 * A body that came whole is parsed natively several times faster than its bytes are walked through.
 *
 * @returns null where only the bytes can tell: a container in the place of a text, a long value in a list.
 */
export function pickValues(value: unknown, tree: PickNode): PickedValues | null {
  const walk = new Walk(tree)
  return walk.root(value) ? walk : null
}

class Walk implements PickedValues {
  readonly #tree: PickNode
  #picked = new Map<string, unknown>()
  readonly roots: Map<string, unknown>[] = []
  readonly texts: string[] = []

  constructor(tree: PickNode) {
    this.#tree = tree
  }

  /** An object, or those of an outermost array. False: the picker must look. */
  root(value: unknown): boolean {
    if (Array.isArray(value)) return value.every((element) => !Array.isArray(element) && this.root(element))
    if (!isObject(value)) return true
    this.#picked = new Map()
    this.roots.push(this.#picked)
    return this.#members(value, this.#tree)
  }

  #members(value: object, node: PickNode): boolean {
    for (const child of node.children) {
      const key = child.name
      if (Object.hasOwn(value, key) && !this.#value(Reflect.get(value, key), child)) return false
    }
    return true
  }

  #value(value: unknown, node: PickNode): boolean {
    if (Array.isArray(value)) {
      if (isEntered(node, true)) return value.every((element) => !Array.isArray(element) && this.#value(element, node))
      return node.kind !== 'text' && this.#keep(value, node)
    }
    if (isObject(value)) {
      if (node.kind === 'count') this.#count(node)
      if (isEntered(node, false)) return this.#members(value, node)
      return node.kind !== 'text' && this.#keep(value, node)
    }
    if (typeof value === 'string' && node.kind === 'text') this.texts.push(value)
    else if (typeof value === 'string' && node.kind === 'count') this.#count(node)
    else return this.#keep(value, node)
    return true
  }

  #keep(value: unknown, node: PickNode): boolean {
    if (!isKept(node) || value === null) return true
    if (node.kind !== 'list') {
      this.#picked.set(node.path, value)
      return true
    }
    if (typeof value === 'object' || (typeof value === 'string' && value.length > listTextLengthMax)) return false
    const list = this.#picked.get(node.path)
    if (!Array.isArray(list)) this.#picked.set(node.path, [value])
    else if (list.length < listMax) list.push(value)
    return true
  }

  #count({ path }: PickNode): void {
    const before = this.#picked.get(path)
    this.#picked.set(path, typeof before === 'number' ? before + 1 : 1)
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
