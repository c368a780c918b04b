// Before all tests: a Redis cluster of three processes on this machine, where redis-server is installed. Ended after them, by id.
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)

export default async function setup(): Promise<() => Promise<void>> {
  if (process.env.REDIS_CLUSTER_URL !== undefined || !(await isInstalled())) return () => Promise.resolve()
  const folder = await mkdtemp(join(tmpdir(), 'lava-redis-cluster-'))
  const ports = await freePorts(3)
  const nodes = await Promise.all(ports.map((port) => startNode(port, folder)))
  await run('redis-cli', ['--cluster', 'create', ...ports.map((port) => `127.0.0.1:${port}`), '--cluster-yes'])
  for (const port of ports) await joined(port)
  process.env.REDIS_CLUSTER_URL = `redis://127.0.0.1:${String(ports[0])}`
  return async () => {
    await Promise.all(nodes.map(ended))
    await rm(folder, { recursive: true })
  }
}

async function isInstalled(): Promise<boolean> {
  try {
    await run('redis-server', ['--version'])
    await run('redis-cli', ['--version'])
    return true
  } catch {
    return false
  }
}

/** A node's bus listens on its port + 10,000, which has to be free and a port too. */
async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = []
  for (let port = 17_000 + (process.pid % 500) * 10; ports.length < count; port++)
    if ((await isFree(port)) && (await isFree(port + 10_000))) ports.push(port)
  return ports
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

async function startNode(port: number, folder: string): Promise<ChildProcess> {
  const settings = { port, bind: '127.0.0.1', dir: folder, save: '', appendonly: 'no', 'cluster-enabled': 'yes', 'cluster-config-file': `nodes-${port}.conf` } // prettier-ignore
  const node = spawn(
    'redis-server',
    Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]),
  )
  await new Promise<void>((resolve, reject) => {
    node.once('error', reject)
    node.once('exit', (code) => reject(new Error(`redis-server ended with ${String(code)}`)))
    node.stdout.on('data', (text: Buffer) => {
      if (text.includes('Ready to accept connections')) resolve()
    })
  })
  return node
}

const joinWithinMs = 20_000

/** A node tells its state only when it is asked. */
async function joined(port: number): Promise<void> {
  for (let waitedMs = 0; waitedMs < joinWithinMs; waitedMs += 50) {
    const { stdout } = await run('redis-cli', ['-p', String(port), 'cluster', 'info'])
    if (stdout.includes('cluster_state:ok')) return
    await wait(50)
  }
  throw new Error(`the node at port ${port} did not join its cluster`)
}

function ended(node: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    node.once('exit', () => resolve())
    node.kill()
  })
}
