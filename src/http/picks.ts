// Picks: all that is taken from the answers of one dialect.
import { pickTree, type PickNode, type PickPaths } from './pick-paths.ts'
import { QuietEvents } from './quiet-event.ts'

export interface Picks {
  tree: PickNode
  quiet: QuietEvents
}

/** Made once a dialect, for all its answers. */
export function picksOf(paths: PickPaths): Picks {
  return { tree: pickTree(paths), quiet: new QuietEvents(paths) }
}
