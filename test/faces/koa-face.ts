// Koa under the behaviour suite, version 2 or 3: its own middleware, Koa Router, koa-mount and error events.
import { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { bodyParser } from '@koa/bodyparser'
import Router from '@koa/router'
import type Koa from 'koa'
import { koaBody } from 'koa-body'
import compress from 'koa-compress'
import mount from 'koa-mount'
import { lavaGateway, type LavaGateway } from '../../src/koa.ts'
import type { Exchange, Face, FaceApp, Relay, SharedOptions } from './face.ts'

const customer = (ctx: Koa.Context) => ctx.get('x-user')
const relays = ['json', 'string', 'buffer', 'write', 'writeHead', 'flushed', 'pipe', 'fetch body'] as const

export function koaFace(name: string, Create: typeof Koa, more: readonly Relay[] = []): Face {
  const reported = new WeakMap<FaceApp, unknown[]>()
  const appOf = (options: SharedOptions) => {
    const app = new Create()
    const errors: unknown[] = []
    app.on('error', (error) => errors.push(error))
    const face = faceApp(Create, app, lavaGateway({ ...options, customer }))
    reported.set(face, errors)
    return face
  }
  return {
    name,
    relays: [...relays, ...more],
    app: appOf,
    appThatSeesErrors: appOf,
    reported: (app) => reported.get(app) ?? [],
    http2(options) {
      const app = appOf(options)
      app.gateway()
      return { lava: app.lava, listener: app.listener() }
    },
  }
}

function faceApp(Create: typeof Koa, app: Koa, lava: LavaGateway): FaceApp {
  const inner = new Create()
  return {
    lava,
    use(which) {
      if (which === 'json parser') app.use(bodyParser())
      else if (which === 'form parser') app.use(bodyParser({ enableTypes: ['form'] }))
      else if (which === 'other parser') app.use(koaBody())
      else if (which === 'form eater')
        app.use(koaBody({ multipart: true, json: false, urlencoded: false, text: false }))
      else if (which === 'compression') app.use(compress({ threshold: 0 }))
      else app.proxy = true
    },
    node(middleware) {
      app.use(async (ctx, next) => {
        await promisify(middleware)(ctx.req, ctx.res)
        if (ctx.res.writableEnded) ctx.respond = false
        else await next()
      })
    },
    around: (run) => void app.use((_ctx, next) => Promise.resolve(run(next))),
    gateway(where = 'root') {
      if (where === 'root') app.use(lava)
      else if (where === 'path') app.use(mount('/ai', lava))
      else if (where === 'sub-app of a sub-app')
        app.use(mount('/ai', inner.use(mount('/inner', new Create().use(lava)))))
      else if (where === 'router with parameters')
        app.use(new Router().all('/tenants/:tenant/ai/{*path}', lava).routes())
      else if (where === 'sub-app') app.use(mount('/ai', inner.use(lava)))
      else app.use(new Router({ prefix: '/ai' }).all('/{*path}', lava).routes())
    },
    second(options) {
      const second = lavaGateway({ ...options, customer })
      app.use(mount('/second', second))
      return second
    },
    route(path, { outer, outerCapture, guard, capture, handler }) {
      const router = new Router()
      if (outer) router.use(lava.balanceGuard(outer))
      if (outerCapture) router.use(lava.usageCapture(outerCapture))
      const steps: Koa.Middleware[] = []
      if (guard) steps.push(lava.balanceGuard(guard))
      if (capture) steps.push(lava.usageCapture(capture))
      router.all(path, ...steps, async (ctx: Koa.Context) => {
        await handler(exchange(ctx))
      })
      app.use(router.routes())
    },
    errors(seen) {
      // In Koa it stands in front.
      app.middleware.unshift(async (ctx, next) => {
        try {
          await next()
        } catch (error) {
          seen(error)
          ctx.status = error instanceof Error && 'status' in error ? Number(error.status) : 500
          ctx.body = { seen: error instanceof Error && 'code' in error ? error.code : 'unknown' }
        }
      })
    },
    listener: () => {
      const callback = app.callback()
      return (req, res) => void callback(req, res)
    },
  }
}

function exchange(ctx: Koa.Context): Exchange {
  return {
    req: ctx.req,
    res: ctx.res,
    lava: ctx.state.lava,
    json(value) {
      ctx.body = value
    },
    relay: (kind, answer) => relay(ctx, kind, answer),
    hold() {
      ctx.respond = false
    },
  }
}

async function relay(ctx: Koa.Context, kind: Relay, answer: Response): Promise<void> {
  const { res } = ctx
  const type = answer.headers.get('content-type') ?? ''
  if (kind === 'write' || kind === 'writeHead' || kind === 'flushed') {
    ctx.respond = false
    res.statusCode = 200
    if (kind === 'writeHead') res.writeHead(200, { 'Content-Type': type })
    else res.setHeader('content-type', type)
    if (kind === 'flushed') res.flushHeaders()
    for await (const chunk of answer.body ?? []) res.write(chunk)
    res.end()
    return
  }
  ctx.type = type
  if (kind === 'json') ctx.body = await answer.json()
  else if (kind === 'string') ctx.body = await answer.text()
  else if (kind === 'buffer') ctx.body = Buffer.from(await answer.arrayBuffer())
  else if (kind === 'pipe') ctx.body = Readable.from(answer.body ?? [])
  else if (kind === 'Response') ctx.body = answer
  else if (kind === 'web stream') ctx.body = answer.body
  else if (answer.body) ctx.body = Readable.fromWeb(answer.body)
}
