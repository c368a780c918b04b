// What only Express has: parsers with options of their own, the app's settings, the server's time limits.
import express from 'express'
import { afterEach, expect, test } from 'vitest'
import { runningApp, type RunningApp } from '../support/running-app.ts'

let running: RunningApp
afterEach(() => running.close())

async function start(before: (app: express.Express) => void): Promise<void> {
  running = await runningApp({ behaviour: { inputTokens: 1000, outputTokens: 100 }, before })
  await running.lava.credit({ customer_id: 'ada', amount: '100', entry_id: 'e' })
}

test.each<[string, express.RequestHandler]>([
  ['express.json({ limit: "50mb" })', express.json({ limit: '50mb' })],
  ['express.json({ strict: false })', express.json({ strict: false, limit: '50mb' })],
  ['express.json({ type: "*/*" })', express.json({ type: '*/*', limit: '50mb' })],
  ['express.text({ type: "*/*" })', express.text({ type: '*/*', limit: '50mb' })],
  ['express.raw({ type: "*/*" })', express.raw({ type: '*/*', limit: '50mb' })],
  ['express.urlencoded()', express.urlencoded({ extended: true })],
])('forwards and charges behind %s, also what is larger than is read', async (_name, parser) => {
  await start((app) => app.use(parser))
  for (const content of ['Grüße ✓', 'x'.repeat(9 * 1024 * 1024)]) {
    const answer = await running.call({ body: { messages: [{ role: 'user', content }] } })
    expect(answer.status).toBe(200)
    expect(JSON.parse(String(running.provider.calls.at(-1)?.body))).toMatchObject({ messages: [{ content }] })
  }
  expect((await running.recordsDone(2)).map(({ charge }) => charge?.amount)).toEqual(['0.0042000000', '0.0042000000'])
})

async function sendForm(): Promise<Response> {
  const target = encodeURIComponent('https://api.openai.com/v1/chat/completions')
  const authorization = `Bearer ${running.token({ customer_id: 'ada', meter_slug: 'chat' })}`
  const headers = { authorization, 'content-type': 'application/x-www-form-urlencoded' }
  return fetch(`${running.base}/v1/forward?u=${target}`, { method: 'POST', headers, body: 'model=gpt-4o&x=%C3%A4' })
}

test('says the mend where express.urlencoded() ate a form', async () => {
  await start((app) => app.use(express.urlencoded()))
  const eaten = await sendForm()
  expect(eaten.status).toBe(400)
  expect(await eaten.text()).toContain('req.rawBody')
  expect(running.provider.callCount).toBe(0)
})

test('forwards a form that express.urlencoded() ate where its bytes are kept', async () => {
  const keep = (req: object, _res: unknown, rawBody: Buffer) => {
    Object.assign(req, { rawBody })
  }
  await start((app) => app.use(express.urlencoded({ verify: keep })))
  await (await sendForm()).text()
  expect(String(running.provider.calls[0]?.body)).toBe('model=gpt-4o&x=%C3%A4')
})

test('says nothing of Express where the app does not', async () => {
  await start((app) => app.disable('x-powered-by'))
  const answer = await running.call()
  expect(answer.headers.get('x-powered-by')).toBeNull()
  expect((await running.call({ credential: 'nothing' })).headers.get('x-powered-by')).toBeNull()
})

test('reads an answer to its end though the server’s time for a request is over', async () => {
  await start(() => undefined)
  running.server.requestTimeout = 50
  running.server.headersTimeout = 40
  running.server.keepAliveTimeout = 30
  running.provider.next({ inputTokens: 1000, outputTokens: 100, events: 10, eventDelayMs: 30 })
  const leaving = new AbortController()
  const answer = await running.call({ body: { stream: true }, signal: leaving.signal })
  await answer.body?.getReader().read()
  leaving.abort()
  expect((await running.recordsDone(1))[0]).toMatchObject({ charge: { amount: '0.0042000000' }, usage_source: 'provider' }) // prettier-ignore
})
