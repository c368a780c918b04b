// A child process of the benchmark: asked one thing at a time, over its channel.
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { z } from 'zod'

const toldSchema = z.union([z.object({ failed: z.string() }), z.object({ answered: z.unknown() })])

export class Child {
  readonly #process: ChildProcess
  readonly #ended: Promise<unknown>

  private constructor(process: ChildProcess) {
    this.#process = process
    this.#ended = once(process, 'exit')
  }

  /** @returns the child, and what it said when it was ready. */
  static async start(script: string, args: readonly string[], execArgv: readonly string[] = []): Promise<{ child: Child; ready: unknown }> {
    const process = fork(resolve(import.meta.dirname, script), args, { execArgv: [...execArgv], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    const child = new Child(process)
    const ready: unknown = await child.#next()
    return { child, ready }
  } // prettier-ignore

  async ask(question: object): Promise<unknown> {
    this.#process.send(question)
    const told = toldSchema.parse(await this.#next())
    if ('failed' in told) throw new Error(told.failed)
    return told.answered
  }

  /** Lets it go, and waits until it is gone. */
  async end(): Promise<void> {
    if (this.#process.connected) this.#process.disconnect()
    await this.#ended
  }

  async #next(): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    const gone = () => reject(new Error(`${this.#process.spawnargs[2] ?? 'a child'} ended before it answered`))
    this.#process.once('message', resolve)
    this.#process.once('exit', gone)
    try {
      return await promise
    } finally {
      this.#process.off('exit', gone)
      this.#process.off('message', resolve)
    }
  }
}
