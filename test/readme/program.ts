// A program of the README in a folder of its own, running: what it prints, where it listens, how it ends.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

export interface Program {
  /** Its address, once it listens. */
  base: Promise<string>
  /** Resolves with all it has printed when that holds `text`; rejects when it ends before. */
  printed(text: string): Promise<string>
  /** Resolves with all it printed when it has ended by itself. */
  ended(): Promise<string>
  stop(): Promise<void>
}

export interface ProgramInput {
  folder: string
  file: string
  mockUrl: string
  env?: Readonly<Record<string, string>>
}

const preload = join(import.meta.dirname, 'mock-in-place.ts')

export function startProgram({ folder, file, mockUrl, env = {} }: ProgramInput): Program {
  const child = spawn(process.execPath, ['--import', preload, file], {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, MOCK_URL: mockUrl, ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  const exited = once(child, 'exit')
  let output = ''
  const base = Promise.withResolvers<string>()
  const waiting = new Set<() => void>()
  const heard = (chunk: unknown): void => {
    output += String(chunk)
    for (const look of waiting) look()
  }
  child.stdout?.on('data', heard)
  child.stderr?.on('data', heard)
  child.on('message', (message) => {
    if (typeof message === 'object' && 'port' in message) base.resolve(`http://127.0.0.1:${String(message.port)}`)
  })
  child.once('close', () => {
    base.reject(new Error(`${file} ended before it listened:\n${output}`))
    for (const look of waiting) look()
  })
  base.promise.catch(() => undefined)

  return {
    base: base.promise,
    printed: (text) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (output.includes(text)) resolve(output)
          else if (child.exitCode !== null) reject(new Error(`${file} ended without “${text}”:\n${output}`))
          else return
          waiting.delete(look)
        }
        waiting.add(look)
        look()
      }),
    async ended() {
      await exited
      if (child.exitCode !== 0) throw new Error(`${file} ended with ${String(child.exitCode)}:\n${output}`)
      return output
    },
    async stop() {
      if (child.exitCode === null && child.signalCode === null) child.kill()
      await exited
    },
  }
}
