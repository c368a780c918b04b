// The metered fetch: a provider's own client is guarded and billed, with one option and no change of its address.
import { lavaGateway } from 'lava-gateway'
import { memoryStorage } from 'lava-gateway/storage/memory'
import { mockProvider } from 'lava-gateway/testing'

// Stands where the provider would. With the real client: new OpenAI({ fetch: lava.fetch({ … }) }).
const provider = await mockProvider({ behaviour: { inputTokens: 1200, outputTokens: 350 } })
const lava = lavaGateway({
  storage: memoryStorage(),
  secretKey: 'aks_test_metered_fetch_0123456789',
  providers: { openai: { baseUrl: `${provider.url}/v1`, allowPrivate: true } },
  onRecord: ({ customer_id, model, model_usage, charge, provider_key_type }) =>
    console.log(
      `${customer_id} ${model} ${model_usage.total_tokens} tokens $${charge?.amount} (${provider_key_type} key)`,
    ),
})
await lava.credit({ customer_id: 'ada', amount: '0.02', entry_id: 'welcome' })

/** What clients of every provider take: openai, @anthropic-ai/sdk, the AI SDK, … */
const fetch = lava.fetch({ customer_id: 'ada', meter_slug: 'default', metadata: { feature: 'summary' } })

for (let call = 1; call <= 4; call++) {
  const answer = await fetch(`${provider.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: 'Bearer the-key-of-the-client', 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'gpt-4o', max_tokens: 350, stream: call % 2 === 0, messages: [] }),
  })
  const text = await answer.text()
  console.log(`call ${call}: ${answer.status}${answer.status === 402 ? ` ${text}` : ''}`)
}
console.log(`the provider was called ${provider.callCount} times`)
await Promise.all([lava.close(), provider.close()])
