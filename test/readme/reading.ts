// A reading: what a block of the README promises, and how that is put to the test.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Block } from './readme.ts'
import type { Scene } from './scene.ts'

export interface Reading {
  promise: string
  /** What has to be on this machine; absent: nothing. */
  needs?: Need
  run: (block: Block, scene: Scene) => Promise<void>
}

export interface Need {
  name: string
  isThere: boolean
}

/** By the name of the block. */
export type Readings = Readonly<Record<string, Reading>>

const run = promisify(execFile)

export const curl: Need = {
  name: 'curl is installed',
  isThere: await run('curl', ['--version']).then(
    () => true,
    () => false,
  ),
}
