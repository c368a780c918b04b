// The types of the public face: what a host's compiler accepts, and what it is told.
import type express from 'express'
import { describe, expectTypeOf, test } from 'vitest'
import type { Budget, BudgetInput, Fetch, LavaGateway, MeteredFetchOptions, RequestRecord } from '../src/index.ts'

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
