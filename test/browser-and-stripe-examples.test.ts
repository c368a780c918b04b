// The examples of tokens in a browser and of top-ups run as the README says: alone, from the built package.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const examples = join(import.meta.dirname, '../examples')

test('the page streams with a token that its server made, and with no other model than the token’s', async () => {
  const folder = join(examples, 'browser-token')
  const child = spawn(process.execPath, [join(folder, 'app.ts')], { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    const [told] = (await once(child.stdout, 'data')) as [Buffer]
    const [base = ''] = /http:\/\/127\.0\.0\.1:\d+/.exec(String(told)) ?? []
    expect(await (await fetch(base)).text()).toContain('src="/page.js"')
    expect((await fetch(`${base}/page.js`)).headers.get('content-type')).toContain('javascript')

    const page = (await import(join(folder, 'page.js'))) as { ask: (...parts: unknown[]) => Promise<void> }
    const shown: string[] = []
    await page.ask('Hi', (text: string) => shown.push(text), base)
    expect(shown.join('')).toBe('Hello from the mock provider')
    expect(shown.length).toBeGreaterThan(2)

    const { token } = (await (await fetch(`${base}/token`, { method: 'POST' })).json()) as { token: string }
    const refused = await fetch(`${base}/v1/providers/openai/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: '{"model":"o1-pro","messages":[]}',
    })
    expect(refused.status).toBe(403)
  } finally {
    child.kill('SIGTERM')
    if (child.exitCode === null) await once(child, 'exit')
  }
  expect(child.exitCode).toBe(0)
})

test('Stripe’s webhook credits a payment once, and nothing that is unpaid or that Stripe did not sign', async () => {
  const child = spawn(process.execPath, [join(examples, 'stripe-top-up.ts')], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  for await (const chunk of child.stdout) output += String(chunk)
  if (child.exitCode === null) await once(child, 'exit')
  expect(child.exitCode).toBe(0)
  expect(output.trim().split('\n')).toEqual([
    'evt_1: credited $10.05; balance $10.0500000000',
    'the webhook answered 200',
    'evt_1: known; balance $10.0500000000',
    'the webhook answered 200',
    'the webhook answered 200',
    'the webhook answered 400',
    'ada has $10.0500000000.',
  ])
})
