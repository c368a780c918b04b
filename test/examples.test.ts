// The examples run as the README says: alone, from the built package.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseMoney } from '../src/money.ts'

test('the quick start bills until the balance is spent, shows the 402, and stays up', async () => {
  const example = join(import.meta.dirname, '../examples/express-quickstart.ts')
  const child = spawn(process.execPath, [example], { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    let output = ''
    for await (const chunk of child.stdout) {
      output += String(chunk)
      if (output.includes('max_tokens":350}\'')) break
    }
    expect(output).toMatch(/\/v1\/requests +5000 +0\.0\d+ +0\.0100000000/)
    expect(output).toMatch(/gpt-4o +1200 \+ 350 +0\.0065000000 +0\.0078000000/)
    expect(output).toContain('"code": "insufficient_balance"')
    expect(output).toMatch(/refused with 402, before the provider saw it/)

    const [base] = /http:\/\/127\.0\.0\.1:\d+/.exec(output) ?? []
    const [, token] = /Bearer ([\w+/=]+)'/.exec(output) ?? []
    const call = () =>
      fetch(`${base}/v1/forward?u=https://api.openai.com/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: '{"model":"gpt-4o","messages":[],"max_tokens":350}',
      })
    expect((await call()).status).toBe(402)
    expect((await fetch(`${base}/top-up`, { method: 'POST' })).status).toBe(200)
    expect((await call()).status).toBe(200)
  } finally {
    child.kill('SIGTERM')
    if (child.exitCode === null) await once(child, 'exit')
  }
  expect(child.exitCode).toBe(0)
})

test('the quick start on Koa bills until the balance is spent, hears of the refusal, and stays up', async () => {
  const example = join(import.meta.dirname, '../examples/koa-quickstart.ts')
  const child = spawn(process.execPath, [example], { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    let output = ''
    for await (const chunk of child.stdout) {
      output += String(chunk)
      if (output.includes('max_tokens":350}\'')) break
    }
    // 1200 + 350 tokens of gpt-4o at cost plus 20 %.
    expect(output.match(/charged 0\.0078000000/g)).toHaveLength(4)
    expect(output).toContain('refused: The balance does not cover this request.')
    expect(output).toContain('The provider has had 4 of 5 calls.')
    const [base] = /http:\/\/127\.0\.0\.1:\d+/.exec(output) ?? []
    expect((await fetch(`${base}/v1/forward`, { method: 'POST' })).status).toBe(401)
  } finally {
    child.kill('SIGTERM')
    if (child.exitCode === null) await once(child, 'exit')
  }
  expect(child.exitCode).toBe(0)
})

test('the guarded routes charge a report, a capture and a request, and refuse an agent that is not affordable', async () => {
  const output = await outputOf(join(import.meta.dirname, '../examples/guarded-route.ts'))
  expect(output).toMatch(/\/agent: held 0\.5000000000, charged 0\.0234000000/)
  expect(output).toMatch(/\/chat: held 0\.\d+, charged 0\.0078000000/)
  expect(output).toMatch(/\/search: held 0\.0100000000, charged 0\.0100000000/)
  expect(output).toMatch(/\/search: held 0\.0100000000, charged 0, .* the route answered 500/)
  expect(output).toMatch(/POST \/agent: 402 .*"required":"0\.5000000000"/)
})

test('the storage on the host’s own table passes every case of the suite, in some 200 lines', async () => {
  const folder = join(import.meta.dirname, '../examples/own-storage')
  const output = await outputOf(join(folder, 'conformance.ts'))
  const [, passed, cases] = /(\d+) of (\d+) cases passed/.exec(output) ?? []
  expect(output).not.toContain('FAIL')
  expect(Number(passed)).toBeGreaterThan(50)
  expect(passed).toBe(cases)
  expect(readFileSync(join(folder, 'users-storage.ts'), 'utf8').trimEnd().split('\n').length).toBeLessThan(220)
})

test('two processes behind a round-robin proxy share one balance and never overspend it', async () => {
  const example = join(import.meta.dirname, '../examples/two-instances/start.ts')
  // On a file of its own: a database that is there may know ada already.
  const env = { ...process.env, DATABASE_URL: undefined }
  const child = spawn(process.execPath, [example], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    let output = ''
    for await (const chunk of child.stdout) {
      output += String(chunk)
      if (output.includes('max_tokens":350}\'')) break
    }
    const counts = [...output.matchAll(/process (?:one|two): (\d+) answered, (\d+) refused/g)]
    const [one = [], two = []] = counts.map(([, answered, refused]) => [Number(answered), Number(refused)])
    const answered = (one[0] ?? 0) + (two[0] ?? 0)
    expect(answered + (one[1] ?? 0) + (two[1] ?? 0)).toBe(100)
    expect(one[0]).toBeGreaterThan(0)
    expect(two[0]).toBeGreaterThan(0)
    // 5 + 350 tokens of gpt-4o at cost plus 20 % are $0.004215: $0.05 pays for 11 calls, and for holds of no more.
    const [, calls, left = ''] = /got (\d+) calls; ada has \$(-?\d+\.\d{10}) left/.exec(output) ?? []
    expect(Number(calls)).toBe(answered)
    expect(answered).toBeLessThanOrEqual(11)
    expect(parseMoney(left)).toBe(parseMoney('0.05') - BigInt(answered) * parseMoney('0.004215'))

    const [base] = /http:\/\/127\.0\.0\.1:\d+/.exec(output) ?? []
    const balances = await Promise.all([0, 1].map(async () => (await fetch(`${base}/balance`)).json()))
    expect(balances).toEqual([{ available: left }, { available: left }])
  } finally {
    child.kill('SIGTERM')
    if (child.exitCode === null) await once(child, 'exit')
  }
  expect(child.exitCode).toBe(0)
})

test('the metered fetch bills a client until the balance is spent, then answers 402 in the provider’s place', async () => {
  const output = await outputOf(join(import.meta.dirname, '../examples/metered-fetch.ts'))
  expect(output.match(/ada gpt-4o 1550 tokens \$0\.0065000000 \(unmanaged key\)/g)).toHaveLength(3)
  expect(output).toMatch(/call 4: 402 .*"code":"insufficient_balance"/)
  expect(output).toContain('the provider was called 3 times')
})

test('the agent’s budget pays a whole loop, ends one that would pass it, and refuses one at the start', async () => {
  const output = await outputOf(join(import.meta.dirname, '../examples/agent-budget.ts'))
  expect(output).toMatch(/budget \$0\.20: 50 of 50 steps, \$0\.1760000000 spent, \$0\.8240000000 left/)
  expect(output).toMatch(/budget \$0\.01: 2 of 50 steps, \$0\.0070400000 spent/)
  expect(output).toContain('refused at the start: insufficient_balance')
  expect(output).toContain('the provider was called 52 times')
})

/** What an example prints that ends by itself, and well. */
async function outputOf(example: string): Promise<string> {
  const child = spawn(process.execPath, [example], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  for await (const chunk of child.stdout) output += String(chunk)
  if (child.exitCode === null) await once(child, 'exit')
  expect(child.exitCode, output).toBe(0)
  return output
}
