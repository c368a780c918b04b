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
      const { held } = lava
      await lava.report({ cost: '0.10' })
      return { held }
    }`,
}

/** Agents of two README programs: one tells what it used, one makes calls by the client that it is given. */
export const expressAgent = {
  'agent.js': `
    export async function runAgent({ messages }) {
      const usage = { provider: 'openai', model: 'gpt-4o-mini', input_tokens: 1200, output_tokens: 350 }
      return { answer: { heard: messages.length }, usage }
    }
    export async function loop(openai) {
      const body = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Hello' }] }
      const one = await openai.chat.completions.create(body)
      const two = await openai.chat.completions.create(body)
      return { used: one.usage.total_tokens + two.usage.total_tokens }
    }`,
}

/** How a compiler sees them. */
export const expressDeclarations = {
  'session.d.ts': `
    import type { RequestHandler } from 'express'
    declare global { namespace Express { interface Request { user: { id: string } } } }
    export const session: RequestHandler
    export const requireSession: RequestHandler`,
  'agent.d.ts': `
    import type { ReportedUsage } from 'lava-gateway'
    import type OpenAI from 'openai'
    export function runAgent(body: unknown): Promise<{ answer: object; usage: ReportedUsage }>
    export function loop(openai: OpenAI): Promise<object>`,
}

export const koaDeclarations = {
  'session.d.ts': `
    import type { Middleware } from 'koa'
    export const session: Middleware`,
  'agent.d.ts': `
    import type { LavaRequest } from 'lava-gateway/koa'
    export function runAgent(lava: LavaRequest | undefined): Promise<object>`,
}
