// Picks: all that is taken from the answers of one dialect.
import { pickTree, type PickNode, type PickPaths } from './pick-paths.ts'
import { QuietEvents } from './quiet-event.ts'

export interface Picks {
  tree: PickNode
  quiet: QuietEvents
}

/**
 * Made once a dialect, for all its answers.
 *
 * @param quietPaths tell quiet events from others by their last keys, where those of `paths` are in too many events or too few.
 */
export function picksOf(paths: PickPaths, quietPaths = paths): Picks {
  return { tree: pickTree(paths), quiet: new QuietEvents(quietPaths) }
}
