// Behaviour: refusals on the framework's own way, in the gateway's shape where the host does not answer them itself.
import { afterEach, expect, test } from 'vitest'
import { GatewayError } from '../../src/errors.ts'
import type { Face } from './face.ts'
import { startFace, type RunningFace } from './running-face.ts'

export function tellsErrors(face: Face): void {
  let running: RunningFace
  afterEach(() => running.close())

  test('to the host’s own error handling, as GatewayErrors', async () => {
    const seen: unknown[] = []
    running = await startFace(face, {
      seesErrors: true,
      credit: '0',
      build: (app) => {
        app.gateway()
        app.route('/run', { guard: { estimate: '0.50' }, handler: (exchange) => exchange.json({}) })
        app.errors((error) => seen.push(error))
      },
    })
    for (const answer of [await running.call(), await running.post('/run')]) {
      expect(answer.status).toBe(402)
      expect(await answer.json()).toEqual({ seen: 'insufficient_balance' })
    }
    expect(seen).toEqual([expect.any(GatewayError), expect.any(GatewayError)])
  })

  test('to the host where its handler threw them', async () => {
    running = await startFace(face, {
      build: (app) => {
        app.route('/report', { handler: () => running.lava.report({ request_id: 'r', customer_id: 'ada', meter_slug: 'nope', cost: '1' }) }) // prettier-ignore
        app.errors(() => undefined)
      },
    })
    const answer = await running.post('/report')
    expect(answer.status).toBe(400)
    expect(await answer.json()).toEqual({ seen: 'invalid_request' })
  })

  test('to the caller in the gateway’s shape, and to whoever listens for the framework’s errors', async () => {
    running = await startFace(face, { credit: '0', build: (app) => app.gateway() })
    const answer = await running.call()
    expect(answer.status).toBe(402)
    expect(await answer.json()).toMatchObject({ error: { code: 'insufficient_balance', status: 402 } })
    const unauthorized = await running.call('', {}, { headers: { authorization: 'Bearer nothing' } })
    expect(await unauthorized.json()).toMatchObject({ error: { code: 'unauthorized', status: 401 } })
    if (face.reported)
      expect(face.reported(running.app)).toEqual([
        expect.objectContaining({ code: 'insufficient_balance', expose: true }),
        expect.objectContaining({ code: 'unauthorized' }),
      ])
  })

  test('of the host’s own options as internal errors, in the log', async () => {
    running = await startFace(face, {
      build: (app) =>
        app.route('/run', { guard: { estimate: () => 'much' }, handler: (exchange) => exchange.json({}) }),
    })
    const answer = await running.post('/run')
    expect(answer.status).toBe(500)
    expect(await answer.json()).toMatchObject({ error: { code: 'internal_error' } })
    expect(running.log.join('\n')).toContain('`estimate` returned "much"')
  })

  test('by cutting the connection where the answer is under way', async () => {
    running = await startFace(face, { build: (app) => app.gateway() })
    running.provider.next({ cutAfterEvents: 2 })
    const answer = await running.call('', { stream: true })
    await expect(answer.text()).rejects.toThrow()
    await running.recordsDone(1)
  })
}
