// The modules of a reader's own that the README imports: a session whose header says who it is.

export const expressSession = {
  'session.js': `
    export function session(req, res, next) {
      const id = req.get('x-user')
      if (id !== undefined) req.user = { id }
      next()
    }
    export function requireSession(req, res, next) {
      session(req, res, () => (req.user ? next() : res.status(401).end()))
    }`,
}

export const koaSession = {
  'session.js': `
    export async function session(ctx, next) {
      const id = ctx.get('x-user')
      if (id !== '') ctx.state.user = { id }
      await next()
    }`,
  'agent.js': `
    export async function runAgent(lava) {
      await lava.report({ cost: '0.10' })
      return { held: lava.held }
    }`,
}

/** How a compiler sees them. */
export const expressDeclarations = {
  'session.d.ts': `
    import type { RequestHandler } from 'express'
    declare global { namespace Express { interface Request { user: { id: string } } } }
    export const session: RequestHandler
    export const requireSession: RequestHandler`,
}

export const koaDeclarations = {
  'session.d.ts': `
    import type { Middleware } from 'koa'
    export const session: Middleware`,
  'agent.d.ts': `
    import type { LavaRequest } from 'lava-gateway/koa'
    export function runAgent(lava: LavaRequest | undefined): Promise<object>`,
}
