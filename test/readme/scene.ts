// What a program of the README finds around it: an empty folder with its packages and the reader's own modules, credit, providers.
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import packageJson from '../../package.json' with { type: 'json' }
import { lavaGateway } from '../../src/express.ts'
import type { LavaMembers } from '../../src/gateway/gateway.ts'
import type { RequestRecord } from '../../src/ledger/request-record.ts'
import { sqliteStorage } from '../../src/storage/sqlite.ts'
import { mockProvider, type MockProvider } from '../../src/testing/mock-provider.ts'
import { secretKey } from '../support/fixed.ts'
import { startProgram, type Program } from './program.ts'
import { readmeBlock } from './readme.ts'

const run = promisify(execFile)
const root = join(import.meta.dirname, '../..')

export interface Scene {
  folder: string
  /** Each answer used 1200 + 350 tokens. */
  provider: MockProvider
  /** In the file where programs keep their balances by default. */
  credit(customer_id: string, amount: string): Promise<void>
  available(customer_id: string): Promise<string>
  /** Runs code of the README, with what stands for a port, a key or an address filled in. */
  start(code: string, given?: Given): Promise<Program>
}

export interface Given {
  /** Where the gateway of another program listens, for code that calls `localhost:3000`. */
  base?: string
  /** Modules of the reader's own, by file name. */
  modules?: Readonly<Record<string, string>>
  env?: Readonly<Record<string, string>>
}

const usualKeys = {
  LAVA_SECRET_KEY: secretKey,
  OPENAI_API_KEY: 'the-merchants-key',
  ANTHROPIC_API_KEY: 'the-merchants-key',
}

export async function makeScene(onFinished: (clean: () => Promise<void>) => void): Promise<Scene> {
  const folder = await readersFolder()
  const provider = await mockProvider({ behaviour: { inputTokens: 1200, outputTokens: 350 } })
  const programs: Program[] = []
  onFinished(async () => {
    for (const program of programs) await program.stop()
    await provider.close()
    await rm(folder, { recursive: true })
  })
  let files = 0
  return {
    folder,
    provider,
    credit: (customer_id, amount) =>
      onFile(folder, async (lava) => {
        await lava.credit({ customer_id, amount, entry_id: 'scene' })
      }),
    available: (customer_id) =>
      onFile(folder, async (lava) => (await lava.canAfford({ customer_id, amount: '0' })).available),
    async start(code, { base, modules = {}, env = usualKeys } = {}) {
      const file = `app-${++files}.mjs`
      for (const [name, text] of Object.entries({ ...modules, [file]: filledIn(code, base) }))
        await writeFile(join(folder, name), text)
      const program = startProgram({ folder, file, mockUrl: provider.url, env })
      programs.push(program)
      return program
    },
  }
}

/** Another process's word on the same file. */
async function onFile<Result>(folder: string, act: (lava: LavaMembers) => Promise<Result>): Promise<Result> {
  const storage = sqliteStorage({ path: join(folder, 'lava.db') })
  const lava = lavaGateway({ storage, secretKey, journalPath: false })
  try {
    return await act(lava)
  } finally {
    await lava.close()
  }
}

/** As if the reader had installed everything that the README imports. */
export async function readersFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'lava-readme-'))
  await writeFile(join(folder, 'package.json'), '{ "private": true, "type": "module" }')
  for (const name of Object.keys(packageJson.devDependencies)) await link(join(root, 'node_modules', name), name)
  await link(root, 'lava-gateway')
  return folder

  async function link(target: string, name: string): Promise<void> {
    const path = join(folder, 'node_modules', name)
    await mkdir(dirname(path), { recursive: true })
    await symlink(target, path)
  }
}

/** A block without imports goes on from `app` and `lava` of the first guide. */
export function goingOn(code: string): string {
  return `${readmeBlock('Charge your customers 1').code}\n${code}`
}

export function filledIn(code: string, base = ''): string {
  return code
    .replaceAll('listen(3000)', 'listen(0)')
    .replaceAll('http://localhost:3000', base)
    .replaceAll('aks_live_…', secretKey)
}

/** What a program prints that ends by itself. */
export async function printedBy(code: string, scene: Scene, given?: Given): Promise<string> {
  return (await scene.start(code, given)).ended()
}

/** Runs lines of the shell, whose gateway is at `base`. */
export async function shell(code: string, base: string): Promise<string> {
  const env = { ...process.env, LAVA_SECRET_KEY: secretKey }
  return (await run('bash', ['-euc', filledIn(code, base)], { env })).stdout
}

/** The gateway's answers to several curls, one behind the other. */
export function answersIn(output: string): unknown[] {
  return JSON.parse(`[${output.replace(/\}\s*\{(?="(?:data|id|request_id|error)")/g, '},{')}]`) as unknown[]
}

export interface Told {
  status: number
  json: unknown
}

export const chatUrl = 'https://api.openai.com/v1/chat/completions'
export const merchant = { authorization: `Bearer ${secretKey}` }

/** POSTs a chat of gpt-4o-mini. */
export async function chat(
  base: string,
  headers: Readonly<Record<string, string>> = {},
  { path = `/v1/forward?u=${chatUrl}`, model = 'gpt-4o-mini' } = {},
): Promise<Told> {
  const answer = await fetch(`${base}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'Hello' }] }),
  })
  const text = await answer.text()
  return { status: answer.status, json: text.startsWith('{') ? JSON.parse(text) : text }
}

/** The newest first. */
export async function recordsAt(base: string): Promise<RequestRecord[]> {
  const answer = await fetch(`${base}/v1/requests`, { headers: merchant })
  return ((await answer.json()) as { data: RequestRecord[] }).data
}
