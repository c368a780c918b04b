// Express under the behaviour suite, version 4 or 5: its own middleware, routers, sub-apps and error handlers.
import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import compression from 'compression'
import type express from 'express'
import { lavaGateway, type LavaGateway } from '../../src/express.ts'
import type { Exchange, Face, FaceApp, Relay, RouteSteps, SharedOptions } from './face.ts'

type Expressing = typeof express

const customer = (req: express.Request) => req.get('x-user')
const relays = ['json', 'string', 'buffer', 'write', 'writeHead', 'flushed', 'pipe', 'fetch body'] as const

export function expressFace(name: string, create: Expressing): Face {
  const appOf = (options: SharedOptions, passErrors: boolean) =>
    faceApp(create, lavaGateway({ ...options, customer, passErrors }))
  return {
    name,
    relays,
    app: (options) => appOf(options, false),
    appThatSeesErrors: (options) => appOf(options, true),
    reported: null,
    http2(options) {
      const lava = lavaGateway<IncomingMessage>(options)
      return { lava, listener: (req, res) => lava(req, res, () => void res.writeHead(404).end()) }
    },
  }
}

function faceApp(create: Expressing, lava: LavaGateway<express.Request>): FaceApp {
  const app = create()
  app.set('env', 'test')
  return {
    lava,
    use(which) {
      if (which === 'json parser') app.use(create.json())
      else if (which === 'form parser') app.use(create.urlencoded({ extended: true }))
      else if (which === 'other parser') app.use(create.raw({ type: '*/*' }))
      else if (which === 'form eater') app.use(eatForms)
      else if (which === 'compression') app.use(compression({ threshold: 0 }))
      else app.set('trust proxy', true)
    },
    node: (middleware) => void app.use(middleware),
    around: (run) => void app.use((_req, _res, next) => void run(next)),
    gateway(mount = 'root') {
      const inner = mount === 'router' ? create.Router() : create()
      if (mount === 'root') app.use(lava)
      else if (mount === 'path') app.use('/ai', lava)
      else if (mount === 'router with parameters') app.use('/tenants/:tenant/ai', create.Router().use(lava))
      else if (mount === 'sub-app of a sub-app') app.use('/ai', create().use('/inner', create().use(lava)))
      else app.use('/ai', inner.use(lava))
    },
    second(options) {
      const second = lavaGateway({ ...options, customer })
      app.use('/second', second)
      return second
    },
    route(path, { outer, outerCapture, guard, capture, handler }) {
      const router = create.Router()
      if (outer) router.use(lava.balanceGuard(withRequest(outer)))
      if (outerCapture) router.use(lava.usageCapture(outerCapture))
      app.use(router)
      const steps: express.RequestHandler[] = []
      if (guard) steps.push(lava.balanceGuard(withRequest(guard)))
      if (capture) steps.push(lava.usageCapture(capture))
      router.all(path, ...steps, (req, res, next) => {
        // As Express 5 does by itself.
        void Promise.resolve(exchange(req, res)).then(handler).catch(next)
      })
    },
    errors(seen) {
      const handle: express.ErrorRequestHandler = (error: unknown, _req, res, next) => {
        seen(error)
        if (res.headersSent) {
          next(error)
          return
        }
        const status = error instanceof Error && 'status' in error ? Number(error.status) : 500
        res.status(status).json({ seen: error instanceof Error && 'code' in error ? error.code : 'unknown' })
      }
      app.use(handle)
    },
    listener: () => app,
  }
}

/** As multer does: the form is gone, its fields are left. */
const eatForms: express.RequestHandler = (req, _res, next) => {
  if (req.is('multipart/form-data') === false) {
    next()
    return
  }
  req.resume().once('end', () => {
    req.body = { model: 'gpt-4o' }
    next()
  })
}

function withRequest({ estimate, budget, ...guard }: NonNullable<RouteSteps['guard']>) {
  const ofRequest = (amount: NonNullable<typeof budget>) =>
    typeof amount === 'string' ? amount : (req: express.Request) => amount({ req })
  return {
    ...guard,
    ...(estimate === undefined ? {} : { estimate: ofRequest(estimate) }),
    ...(budget === undefined ? {} : { budget: ofRequest(budget) }),
  }
}

function exchange(req: express.Request, res: express.Response): Exchange {
  return {
    req,
    res,
    lava: req.lava,
    json: (value) => void res.json(value),
    relay: (kind, answer) => relay(res, kind, answer),
    hold: () => undefined,
  }
}

async function relay(res: express.Response, kind: Relay, answer: Response): Promise<void> {
  const type = answer.headers.get('content-type') ?? ''
  if (kind === 'json') return void res.json(await answer.json())
  if (kind === 'writeHead') res.writeHead(200, { 'Content-Type': type })
  else res.setHeader('content-type', type)
  if (kind === 'string') return void res.send(await answer.text())
  if (kind === 'buffer') return void res.send(Buffer.from(await answer.arrayBuffer()))
  if (kind === 'flushed') res.flushHeaders()
  if (kind === 'write' || kind === 'writeHead' || kind === 'flushed') {
    for await (const chunk of answer.body ?? []) res.write(chunk)
    res.end()
  } else {
    const body = kind === 'pipe' ? Readable.from(answer.body ?? []) : Readable.fromWeb(bodyOf(answer))
    body.on('error', () => res.destroy())
    body.pipe(res)
  }
}

function bodyOf(answer: Response) {
  if (!answer.body) throw new Error('the answer has no body')
  return answer.body
}
