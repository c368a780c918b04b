// Pick paths: which values of a JSON object are wanted, and for what.

/**
 * What to do with the value at a path: `value` keeps the last one, `list` keeps all of them in order, `text` hands its raw
 * bytes to the text sink and keeps nothing. `count` keeps only how many objects and strings stand there. `head` is a value that
 * the first events tell, and later ones only repeat.
 */
export type PickKind = 'head' | 'value' | 'list' | 'count' | 'text'

/**
 * Keys joined by dots, arrays passed through: `choices.delta.content` is in every element of `choices`. Only an exact path
 * counts, so a `usage` inside a tool's arguments or in the text is never taken for the answer's own.
 */
export type PickPaths = Readonly<Record<string, PickKind>>

/** The paths as a tree, one node a key. */
export interface PickNode {
  path: string
  name: string
  /** The name as bytes: keys are compared where they lie. */
  key: Buffer
  kind: PickKind | null
  children: PickNode[]
  /** Its place among all nodes of the tree. */
  index: number
}

/** Never changed afterwards. */
export function pickTree(paths: PickPaths): PickNode {
  let count = 0
  const nodeOf = (key: string): PickNode => ({ path: '', name: key, key: Buffer.from(key), kind: null, children: [], index: count++ }) // prettier-ignore
  const root = nodeOf('')
  for (const [path, kind] of Object.entries(paths)) {
    let node = root
    for (const key of path.split('.')) {
      let child = childOf(node, Buffer.from(key), 0, key.length)
      if (!child) {
        child = nodeOf(key)
        node.children.push(child)
      }
      node = child
    }
    node.kind = kind
    node.path = path
  }
  return root
}

/** The child whose key is these bytes. */
export function childOf(node: PickNode, bytes: Buffer, start: number, end: number): PickNode | null {
  for (const child of node.children) if (sameBytes(child.key, bytes, start, end)) return child
  return null
}

/** Whether the value itself is kept. */
export function isKept({ kind }: PickNode): boolean {
  return kind !== null && kind !== 'text' && kind !== 'count'
}

/** Whether something inside of a container is wanted; of an array that is counted, its elements. */
export function isEntered({ kind, children }: PickNode, array: boolean): boolean {
  return children.length > 0 || (array && kind === 'count')
}

/** In a loop of its own: for a few bytes the native comparison costs more than it saves. */
export function sameBytes(one: Buffer, bytes: Buffer, start: number, end: number): boolean {
  const length = end - start
  if (one.length !== length) return false
  for (let at = 0; at < length; at++) if (one[at] !== bytes[start + at]) return false
  return true
}
