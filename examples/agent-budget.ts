// Agent budgets: a loop of calls is affordable from the start, or refused at the start, and never spends more than its budget.
import { GatewayError, lavaGateway } from 'lava-gateway'
import { memoryStorage } from 'lava-gateway/storage/memory'
import { mockProvider } from 'lava-gateway/testing'

const provider = await mockProvider({ behaviour: { inputTokens: 8, outputTokens: 350 } })
const lava = lavaGateway({
  storage: memoryStorage(),
  secretKey: 'aks_test_agent_budget_0123456789',
  providers: { openai: { baseUrl: `${provider.url}/v1`, allowPrivate: true } },
})
await lava.credit({ customer_id: 'ada', amount: '1.00', entry_id: 'welcome' })

async function runAgent(amount: string, steps: number): Promise<void> {
  const budget = await lava.openBudget({ customer_id: 'ada', meter_slug: 'default', amount, ttlMs: 600_000 })
  // With the real client: new OpenAI({ fetch: budget.fetch() }).
  const fetch = budget.fetch()
  let done = 0
  try {
    for (; done < steps; done++) {
      const answer = await fetch(`${provider.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: 'Bearer the-key-of-the-client', 'content-type': 'application/json' },
        body: JSON.stringify({
          model: 'gpt-4o',
          max_tokens: 350,
          messages: [{ role: 'user', content: `Step ${done}` }],
        }),
      })
      await answer.text()
      if (answer.status === 402) break
    }
  } finally {
    const { spent } = await budget.close()
    const { available } = await lava.canAfford({ customer_id: 'ada', amount: '0' })
    console.log(`budget $${amount}: ${done} of ${steps} steps, $${spent} spent, $${available} left`)
  }
}

await runAgent('0.20', 50)
await runAgent('0.01', 50)
await runAgent('5.00', 50).catch((error: unknown) => {
  if (!(error instanceof GatewayError)) throw error
  console.log(`refused at the start: ${error.code}, $${String(error.details.shortfall)} is missing`)
})
console.log(`the provider was called ${provider.callCount} times`)
await Promise.all([lava.close(), provider.close()])
