// Behaviour: usage that is read out of what the host's handler answers, whatever way it answers.
import { afterEach, expect, test } from 'vitest'
import type { Face, Relay } from './face.ts'
import { startFace, type Building, type RunningFace } from './running-face.ts'

export function captures(face: Face): void {
  let running: RunningFace
  afterEach(() => running.close())
  const charged = { charge: { amount: '0.0042000000' }, usage_source: 'provider' }

  const start = async (kind: Relay, stream: boolean, before?: Building['build']) => {
    running = await startFace(face, {
      build: (app, given) => {
        before?.(app, given)
        app.route('/chat', {
          guard: { provider: 'openai' },
          capture: { provider: 'openai' },
          handler: async (exchange) => exchange.relay(kind, await ask(stream)),
        })
      },
    })
  }
  const ask = (stream: boolean) =>
    fetch(`${running.provider.url}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify({ model: 'gpt-4o', messages: [], stream, stream_options: { include_usage: true } }),
    })

  const ways = [
    ...face.relays.map((kind) => ({ kind, stream: false })),
    ...face.relays.filter((kind) => kind !== 'json').map((kind) => ({ kind, stream: true })),
  ]
  test.each(ways)('an answer by $kind (streamed: $stream)', async ({ kind, stream }) => {
    await start(kind, stream)
    const answer = await running.post('/chat')
    expect(answer.status).toBe(200)
    expect(await answer.text()).toContain('"total_tokens":1100')
    expect(await running.recordsDone(1)).toMatchObject([charged])
    expect(await running.available()).toBe('0.9958000000')
  })

  test.each(['json', 'write', 'flushed', 'pipe'] as const)('an answer by %s behind compression', async (kind) => {
    await start(kind, kind !== 'json', (app) => app.use('compression'))
    const answer = await running.post('/chat')
    // What is written past Koa's body, Koa's compression does not see.
    const past = face.reported !== null && (kind === 'write' || kind === 'flushed')
    if (!past && kind === 'json') expect(answer.headers.get('content-encoding')).toBeTruthy()
    expect(await answer.text()).toContain('"total_tokens":1100')
    expect(await running.recordsDone(1)).toMatchObject([charged])
  })

  test('what came, once, where the caller leaves in the middle', async () => {
    await start('pipe', true)
    running.provider.next({ inputTokens: 1000, outputTokens: 100, events: 50, eventDelayMs: 20 })
    const leaving = new AbortController()
    const answer = await fetch(`${running.base}/chat`, { method: 'POST', headers: { 'x-user': 'ada' }, signal: leaving.signal }) // prettier-ignore
    await answer.body?.getReader().read()
    leaving.abort()
    const [record] = await running.recordsDone(1)
    expect(record?.usage_source).toBe('estimated')
    expect(await running.lava.close()).toEqual({ left_open: 0, left_in_journal: 0 })
    expect(running.records).toHaveLength(1)
  })

  test('what came, once, where the provider breaks off', async () => {
    await start('pipe', true)
    running.provider.next({ inputTokens: 1000, outputTokens: 100, events: 5, eventDelayMs: 20, cutAfterEvents: 3 })
    await expect(running.post('/chat').then((answer) => answer.text())).rejects.toThrow()
    expect((await running.recordsDone(1))[0]?.usage_source).toBe('estimated')
    expect(await running.lava.close()).toEqual({ left_open: 0, left_in_journal: 0 })
    expect(running.records).toHaveLength(1)
  })

  test('nothing of an answer that the handler made an error', async () => {
    running = await startFace(face, {
      build: (app) =>
        app.route('/chat', {
          capture: { provider: 'openai' },
          handler: async () => {
            await ask(false)
            throw new Error('the handler failed')
          },
        }),
    })
    expect((await running.post('/chat')).status).toBe(500)
    expect((await running.recordsDone(1))[0]?.charge?.amount ?? '0.0000000000').toBe('0.0000000000')
  })
}
