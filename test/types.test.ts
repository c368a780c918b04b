// The types of the public face: what a host's compiler accepts, and what it is told.
import type express from 'express'
import type Koa from 'koa'
import { describe, expectTypeOf, test } from 'vitest'
import type {
  BalanceGuardOptions,
  Budget,
  BudgetInput,
  Fetch,
  LavaGateway,
  LavaRequest,
  MeteredFetchOptions,
  RequestRecord,
  UsageCaptureOptions,
} from '../src/index.ts'
import type { LavaGateway as KoaLava } from '../src/koa.ts'

type Lava = LavaGateway<express.Request>

/** As openai and @anthropic-ai/sdk declare their option `fetch`; the AI SDK and @google/genai want `typeof globalThis.fetch`. */
type ClientFetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>

describe('the metered fetch', () => {
  test('is what clients take', () => {
    expectTypeOf<Lava['fetch']>().parameter(0).toEqualTypeOf<MeteredFetchOptions>()
    expectTypeOf<Lava['fetch']>().returns.toEqualTypeOf<typeof globalThis.fetch>()
    expectTypeOf<Fetch>().toExtend<ClientFetch>()
    expectTypeOf<{ customer_id: string }>().not.toExtend<MeteredFetchOptions>()
  })
})

describe('a budget', () => {
  test('is opened for a customer and a meter, with an amount as text', () => {
    expectTypeOf<Lava['openBudget']>().parameter(0).toEqualTypeOf<BudgetInput>()
    expectTypeOf<Lava['openBudget']>().returns.resolves.toEqualTypeOf<Budget>()
    expectTypeOf<{ customer_id: string; meter_slug: string; amount: string }>().toExtend<BudgetInput>()
    expectTypeOf<{ customer_id: string; meter_slug: string; amount: number }>().not.toExtend<BudgetInput>()
  })

  test('gives fetches, reports and headers', () => {
    expectTypeOf<Budget['fetch']>().toBeCallableWith()
    expectTypeOf<Budget['fetch']>().toBeCallableWith({ metadata: { step: '1' } })
    expectTypeOf<ReturnType<Budget['fetch']>>().toExtend<ClientFetch>()
    expectTypeOf<Budget['report']>().toBeCallableWith({ request_id: 'r1', cost: '0.10' })
    expectTypeOf<Budget['report']>().returns.resolves.toEqualTypeOf<RequestRecord>()
    expectTypeOf<Budget['headers']>().toExtend<Record<string, string>>()
    expectTypeOf<Budget['spent']>().toBeString()
  })
})

describe('an open request', () => {
  const expressLava = (req: express.Request) => req.lava
  const koaLava = (ctx: Koa.Context) => ctx.state.lava

  test('is on the request in Express and in the context’s state in Koa, where a guard stands before', () => {
    expectTypeOf(expressLava).returns.toEqualTypeOf<LavaRequest | undefined>()
    expectTypeOf(koaLava).returns.toEqualTypeOf<LavaRequest | undefined>()
    expectTypeOf<LavaRequest['budget']>().toEqualTypeOf<Budget | null>()
  })

  test('is extended by an amount as text, and says what is held, or that it was finished before', () => {
    expectTypeOf<LavaRequest['extend']>().parameters.toEqualTypeOf<[amount: string]>()
    expectTypeOf<LavaRequest['extend']>().returns.resolves.toEqualTypeOf<string | null>()
    expectTypeOf<Budget['extend']>().returns.resolves.toEqualTypeOf<string | null>()
    expectTypeOf<LavaRequest['report']>().toBeCallableWith({ model: 'gpt-4o', provider: 'openai', input_tokens: 9 })
    expectTypeOf<LavaRequest['report']>().returns.resolves.toEqualTypeOf<RequestRecord | null>()
  })
})

describe('the guard and the capture', () => {
  test('take amounts as text, or functions of the framework’s own request', () => {
    expectTypeOf<Lava['balanceGuard']>().toBeCallableWith()
    expectTypeOf<Lava['balanceGuard']>().toBeCallableWith({ estimate: (req) => req.get('x-estimate') ?? '0.50' })
    expectTypeOf<Lava['balanceGuard']>().toBeCallableWith({ budget: (req) => Promise.resolve(req.ip ?? '2.00') })
    expectTypeOf<KoaLava['balanceGuard']>().toBeCallableWith({ budget: (ctx) => ctx.get('x-budget'), meter: 'chat' })
    expectTypeOf<{ estimate: number }>().not.toExtend<BalanceGuardOptions<express.Request>>()
    expectTypeOf<{ budget: number }>().not.toExtend<BalanceGuardOptions<express.Request>>()
  })

  test('a capture names whose answer it reads', () => {
    expectTypeOf<Lava['usageCapture']>().toBeCallableWith({ provider: 'openai', endpoint: '/v1/responses' })
    expectTypeOf<KoaLava['usageCapture']>().parameter(0).toEqualTypeOf<UsageCaptureOptions>()
    expectTypeOf<{ endpoint: string }>().not.toExtend<UsageCaptureOptions>()
  })
})
