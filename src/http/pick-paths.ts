// Pick paths: which values of a JSON object are wanted, and for what.

/**
 * What to do with the value at a path: `value` keeps the last one, `list` keeps all of them in order, `text` hands its raw
 * bytes to the text sink and keeps nothing.
 */
export type PickKind = 'value' | 'list' | 'text'

/**
 * Keys joined by dots, arrays passed through: `choices.delta.content` is in every element of `choices`. Only an exact path
 * counts, so a `usage` inside a tool's arguments or in the text is never taken for the answer's own.
 */
export type PickPaths = Readonly<Record<string, PickKind>>

/** The paths as a tree, one node a key. */
export interface PickNode {
  path: string
  kind: PickKind | null
  children: Map<string, PickNode>
}

export function pickTree(paths: PickPaths): PickNode {
  const root: PickNode = { path: '', kind: null, children: new Map() }
  for (const [path, kind] of Object.entries(paths)) {
    let node = root
    for (const key of path.split('.')) {
      const child = node.children.get(key) ?? { path, kind: null, children: new Map<string, PickNode>() }
      node.children.set(key, child)
      node = child
    }
    node.kind = kind
    node.path = path
  }
  return root
}
