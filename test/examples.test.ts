// The examples run as the README says: alone, from the built package.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, test } from 'vitest'

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
