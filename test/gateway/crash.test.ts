// A killed process loses nothing: every request that reached the provider has a record, and no hold stays for ever.
import { fork, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { z } from 'zod'
import { forwardToken } from '../../src/gateway/forward-token.ts'
import { requestRecordSchema, type RequestRecord } from '../../src/ledger/request-record.ts'
import { parseMoney } from '../../src/money.ts'
import { sqliteStorage } from '../../src/storage/sqlite.ts'
import { mockProvider } from '../../src/testing/mock-provider.ts'
import { chatUrl } from '../support/running-app.ts'
import { secretKey } from '../support/fixed.ts'

const streams = 50
const children: ChildProcess[] = []
const folder = mkdtempSync(join(tmpdir(), 'lava-crash-'))
afterEach(() => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

interface Started {
  child: ChildProcess
  port: number
  /** Resolves when the process has told of so many finished records. */
  finished(count: number): Promise<RequestRecord[]>
}

const portMessage = z.object({ port: z.number() })
const recordMessage = z.object({ record: requestRecordSchema })

function start(providerUrl: string): Promise<Started> {
  const child = fork(join(import.meta.dirname, '../support/gateway-process.ts'), {
    env: { ...process.env, DATABASE_PATH: join(folder, 'lava.db'), PROVIDER_URL: providerUrl, HOLD_TTL_MS: '1500' },
    execPath: process.execPath,
    execArgv: [],
  })
  children.push(child)
  const records: RequestRecord[] = []
  let waiting: { count: number; tell: (records: RequestRecord[]) => void }[] = []
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the gateway process ended with ${String(code)}`)))
    child.on('message', (message) => {
      const told = recordMessage.safeParse(message)
      if (told.success) {
        records.push(told.data.record)
        waiting = waiting.filter(({ count, tell }) => (records.length >= count ? (tell(records), false) : true))
        return
      }
      const { port } = portMessage.parse(message)
      const finished: Started['finished'] = (count) =>
        new Promise((done) => (records.length >= count ? done(records) : waiting.push({ count, tell: done })))
      resolve({ child, port, finished })
    })
  })
}

function stream(port: number): Promise<Response> {
  const token = forwardToken({ secret_key: secretKey, customer_id: 'ada', meter_slug: 'chat' })
  return fetch(`http://127.0.0.1:${port}/v1/forward?u=${chatUrl}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'gpt-4o',
      stream: true,
      stream_options: { include_usage: true },
      max_tokens: 50,
      messages: [{ role: 'user', content: 'Hi' }],
    }),
  })
}

// litellm#38157, bifrost (counters dumped every 10 s): a kill lost usage.
test('after SIGKILL in the middle of 50 streams every call has one record, none is charged twice, no hold stays', async () => {
  const provider = await mockProvider({ behaviour: { inputTokens: 10, outputTokens: 50, events: 10 } })
  const path = join(folder, 'lava.db')
  const setup = sqliteStorage({ path })
  await setup.open()
  await setup.credit({
    customer_id: 'ada',
    entry_id: 'e1',
    amount: parseMoney('10'),
    part: 'bundle',
    created_at: new Date().toISOString(),
  })
  await setup.close()

  const first = await start(provider.url)
  // Ten finish before the kill, so that a double charge of theirs would show.
  const done = await Promise.all(Array.from({ length: 10 }, () => stream(first.port)))
  await Promise.all(done.map((response) => response.text()))
  await first.finished(10)
  for (let index = 0; index < streams; index++)
    provider.next({ inputTokens: 10, outputTokens: 50, events: 5, eventDelayMs: 100_000 })
  const answers = await Promise.all(Array.from({ length: streams }, () => stream(first.port)))
  expect(answers.map((response) => response.status)).toEqual(Array(streams).fill(200))
  const killed = new Promise((resolve) => first.child.once('exit', resolve))
  const cut = Promise.allSettled(answers.map((response) => response.text()))
  first.child.kill('SIGKILL')
  await killed
  expect((await cut).every(({ status }) => status === 'rejected')).toBe(true)

  const second = await start(provider.url)
  // Recovery finishes what the killed process left, once the holds have expired.
  const recovered = await second.finished(streams)
  expect(new Set(recovered.map((record) => record.request_id)).size).toBe(streams)
  expect(recovered.every((record) => record.status === 'error' && record.charge?.amount === '0.0000000000')).toBe(true)

  const audit = sqliteStorage({ path })
  await audit.open()
  const { data } = await audit.requests({ limit: 100 })
  expect(data).toHaveLength(provider.callCount)
  expect(data.filter((record) => record.status === 'pending')).toEqual([])
  const charged = data.reduce((sum, record) => sum + parseMoney(record.charge?.amount ?? '0'), 0n)
  const balance = await audit.balance('ada')
  expect(balance.held).toBe(0n)
  expect(balance.cycle + balance.bundle).toBe(parseMoney('10') - charged)
  await audit.close()
  await provider.close()
})
