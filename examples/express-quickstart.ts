// The quick start, complete: an Express app that bills AI calls, with the mock provider behind it. Needs no key and no service.
import { mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import express from 'express'
import { forwardToken, lavaGateway, type RequestRecord } from 'lava-gateway'
import { sqliteStorage } from 'lava-gateway/storage/sqlite'
import { mockProvider } from 'lava-gateway/testing'

const secretKey = 'aks_test_quickstart_0123456789'
const chatUrl = 'https://api.openai.com/v1/chat/completions'
const folder = mkdtempSync(join(tmpdir(), 'lava-quickstart-'))
const records: RequestRecord[] = []

// Stands where OpenAI would: calls addressed to api.openai.com go to its address.
const provider = await mockProvider({ behaviour: { inputTokens: 1200, outputTokens: 350, eventDelayMs: 20 } })
const lava = lavaGateway({
  storage: sqliteStorage({ path: join(folder, 'lava.db') }),
  secretKey,
  providers: { openai: { baseUrl: `${provider.url}/v1`, apiKey: 'the-merchants-key', allowPrivate: true } },
  meters: [
    {
      meter_slug: 'chat',
      name: 'Chat: cost plus 20 %',
      rate_type: 'percentage',
      tier_type: 'tokens_1m',
      tiers: [{ start: '0', rate: '120' }],
    },
    {
      meter_slug: 'tts',
      name: 'Speech',
      rate_type: 'fixed',
      tier_type: 'characters_1m',
      tiers: [{ start: '0', rate: '2' }],
    },
  ],
  topUpUrl: 'https://app.example/billing',
  onRecord: (record) => records.push(record),
})

const app = express()
app.use(lava)
app.post('/top-up', async (_req, res) => {
  res.json(await lava.credit({ customer_id: 'ada', amount: '0.05', entry_id: `top-up-${Date.now()}` }))
})
const server = app.listen(Number(process.env.PORT ?? 0), '127.0.0.1')
await new Promise((resolve) => server.once('listening', resolve))
const { port } = server.address() as AddressInfo
const base = `http://127.0.0.1:${port}`
const token = forwardToken({ secret_key: secretKey, customer_id: 'ada', meter_slug: 'chat' })

await lava.credit({ customer_id: 'ada', amount: '0.05', entry_id: 'welcome' })
console.log('ada begins with $0.05.\n')

await chat({ stream: false })
await chat({ stream: true, stream_options: { include_usage: true } })
await fetch(`${base}/v1/requests`, {
  method: 'POST',
  headers: { authorization: `Bearer ${secretKey}`, 'content-type': 'application/json' },
  body: JSON.stringify({ request_id: 'speech-1', customer_id: 'ada', meter_slug: 'tts', input_characters: 5000 }),
})

let answer = await chat({ stream: false })
while (answer.status === 200) answer = await chat({ stream: false })
const calls = provider.callCount
printTable(records)
console.log(
  `\nThe next call was refused with ${answer.status}, before the provider saw it (it has had ${calls} calls):`,
)
console.log(JSON.stringify(JSON.parse(answer.text), null, 2))
console.log(`\nThe app stays up (Ctrl-C ends it). Top up, then call by hand:

  curl -X POST ${base}/top-up
  curl '${base}/v1/forward?u=${chatUrl}' \\
    -H 'authorization: Bearer ${token}' -H 'content-type: application/json' \\
    -d '{"model":"gpt-4o","messages":[{"role":"user","content":"Hello"}],"max_tokens":350}'
`)

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    server.close()
    server.closeAllConnections()
    void Promise.all([lava.close(), provider.close()]).then(() => rmSync(folder, { recursive: true, force: true }))
  })
}

async function chat(extra: Record<string, unknown>): Promise<{ status: number; text: string }> {
  const response = await fetch(`${base}/v1/forward?u=${encodeURIComponent(chatUrl)}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      // Kept with the record; shown in the table.
      'x-lava-metadata-kind': extra.stream === true ? 'streamed' : 'plain',
    },
    body: JSON.stringify({
      model: 'gpt-4o',
      max_tokens: 350,
      messages: [{ role: 'user', content: 'Hello' }],
      ...extra,
    }),
  })
  return { status: response.status, text: await response.text() }
}

function printTable(rows: readonly RequestRecord[]): void {
  const lines = rows.map(({ endpoint, metadata, model, model_usage: used, cost, charge, balance_after }) => [
    `${endpoint.replace('https://api.openai.com', '')} ${metadata.kind ?? ''}`,
    model ?? '',
    used.total_tokens > 0 ? `${used.input_tokens} + ${used.output_tokens}` : '',
    used.total_characters > 0 ? String(used.total_characters) : '',
    cost,
    charge?.amount ?? '',
    balance_after ?? '',
  ])
  const table = [['request', 'model', 'tokens', 'characters', 'cost $', 'charge $', 'balance after $'], ...lines]
  const widths = table[0]?.map((_, column) => Math.max(...table.map((line) => line[column]?.length ?? 0))) ?? []
  for (const line of table) console.log(line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '))
}
