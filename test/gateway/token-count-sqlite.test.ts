// The counts of signed tokens on a file that several storages share, as processes do.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createTokenCounts } from '../../src/gateway/token-count.ts'
import { sqliteStorage } from '../../src/storage/sqlite.ts'

test('three storages on one file let exactly as many calls pass as the token allows', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lava-token-count-'))
  const adapters = [1, 2, 3].map(() => sqliteStorage({ path: join(folder, 'lava.db') }))
  try {
    for (const adapter of adapters) await adapter.open()
    const counts = adapters.map((adapter) =>
      createTokenCounts({ storage: { use: (act) => act(adapter) }, clock: () => 1 }),
    )
    const grant = { token_id: 't', customer_id: 'ada', meter_slug: 'chat', expires_at_ms: 1e12, limits: {} }
    const tries = Array.from({ length: 180 }, async (_, index) =>
      counts[index % 3]?.change(grant, (count) => {
        if (count.requests >= 101) throw new Error('enough')
        return { ...count, requests: count.requests + 1 }
      }),
    )
    const results = await Promise.allSettled(tries)
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(101)
  } finally {
    for (const adapter of adapters) await adapter.close()
    rmSync(folder, { recursive: true, force: true })
  }
})
