// A reading: what a block of the README promises, and how that is put to the test.
import type { Block } from './readme.ts'
import type { Scene } from './scene.ts'

export interface Reading {
  promise: string
  /** Why it can't be run here; absent: it can. */
  shortcoming?: string | null
  run: (block: Block, scene: Scene) => Promise<void>
}

/** By the name of the block. */
export type Readings = Readonly<Record<string, Reading>>
