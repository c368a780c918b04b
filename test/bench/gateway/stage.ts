// The stage of the benchmark: the provider, the load and the proxies, each in a process of its own, and one slot on it.
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { Child } from './child.ts'
import { loadedSchema, type Loaded, type LoadOrder } from './load-order.ts'
import { kindOf } from './proxies.ts'
import { markSchema, type Mark } from './questions.ts'

const portSchema = z.object({ port: z.number() })

export interface StageProxy {
  name: string
  mark: (collect: boolean) => Promise<Mark>
  load: (order: Omit<LoadOrder, 'proxy' | 'port' | 'providerPort'>) => Promise<Loaded>
  fund: (customers: number) => Promise<unknown>
  fill: (customers: number, records: number) => Promise<unknown>
  /** What is held, in units of 1e-10 dollars. */
  held: (customers: number) => Promise<bigint>
  end: () => Promise<void>
}

export interface Stage {
  /**
   * @param name of another checkout with its folder: `lava-express-sqlite@../other`.
   * @throws Error when it can't start (its database is away).
   */
  proxy: (name: string) => Promise<StageProxy>
  end: () => Promise<void>
}

/** @param execArgv more arguments of Node's for the proxies' processes. */
export async function openStage(execArgv: readonly string[]): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), 'lava-bench-'))
  const provider = await Child.start('provider-process.ts', [])
  const { port: providerPort } = portSchema.parse(provider.ready)
  const { child: loading } = await Child.start('load-process.ts', [])
  const running = new Set<Child>()
  let started = 0

  async function proxy(name: string): Promise<StageProxy> {
    const own = join(folder, `${started}`)
    await mkdir(own)
    const args = [kindOf(name), String(providerPort), own, `${process.pid}_${started++}`]
    const { child, ready } = await Child.start(scriptOf(name), args, ['--expose-gc', ...execArgv])
    const { port } = portSchema.parse(ready)
    running.add(child)
    return {
      name,
      mark: async (collect) => markSchema.parse(await child.ask({ ask: 'mark', collect })),
      load: async (order) => loadedSchema.parse(await loading.ask({ ...order, proxy: name, port, providerPort })),
      fund: (customers) => child.ask({ ask: 'fund', customers }),
      fill: (customers, records) => child.ask({ ask: 'fill', customers, records }),
      held: async (customers) => BigInt(z.string().parse(await child.ask({ ask: 'held', customers }))),
      async end() {
        running.delete(child)
        await child.ask({ ask: 'end' })
        await child.end()
      },
    }
  }

  return {
    proxy,
    async end() {
      for (const child of [...running, loading, provider.child]) await child.end()
      await rm(folder, { recursive: true })
    },
  }
}

function scriptOf(name: string): string {
  const checkout = name.slice(kindOf(name).length + 1)
  return checkout === '' ? 'proxy-process.ts' : resolve(checkout, 'test/bench/gateway/proxy-process.ts')
}
