// Recovery finishes what dead processes left, and leaves alone what this one is doing.
import { expect, test } from 'vitest'
import { createStorageWatch } from '../../src/gateway/health.ts'
import { createOpenRequests } from '../../src/gateway/open-requests.ts'
import { settingsFrom } from '../../src/gateway/options.ts'
import { createOwnHolds } from '../../src/gateway/own-holds.ts'
import { createRecovery } from '../../src/gateway/recover.ts'
import { createSettleQueue } from '../../src/gateway/settle-queue.ts'
import { createStorageAccess } from '../../src/gateway/storage-access.ts'
import type { HoldAct } from '../../src/ledger/storage-adapter.ts'
import { memoryStorage } from '../../src/storage/memory.ts'
import { creditAct, expectBalance, holdAct, noonMs, settleAct } from '../../src/testing/conformance/subject.ts'

// Found by reading along the chaos run: a process that was stopped for longer than its holds live took its own calls for lost.
test('does not take calls of its own process that run, or wait to be settled, for lost, however long it was stopped', async () => {
  const adapter = memoryStorage()
  await adapter.open()
  const requests = createOpenRequests()
  const expires_at_ms = noonMs + 60_000
  let now = noonMs
  const settings = settingsFrom({
    storage: adapter,
    holdTtlMs: 60_000,
    onLostRequest: 'charge',
    logger: { info: () => undefined, warn: () => undefined, error: () => undefined },
    clock: () => now,
  })
  const storage = createStorageAccess(adapter, () => Promise.resolve(), {
    watch: createStorageWatch(() => now),
    storageTimeoutMs: 10_000,
  })
  const queue = createSettleQueue()
  const waiting: string[] = []
  const holds = createOwnHolds({ settings, storage, requests, queue, waiting: () => waiting })
  const recovery = createRecovery({ settings, storage, requests, holds })
  const held = async (act: HoldAct) => expect((await adapter.hold(act)).outcome).toBe('held')
  await adapter.credit(creditAct('grant', '5'))
  const running = holdAct('running', '1', { expires_at_ms })
  await held(running)
  await held(holdAct('left by a dead process', '2', { expires_at_ms }))
  await held(holdAct('answered', '0.5', { expires_at_ms }))
  queue.add(() => waiting.push('answered'))
  const { record, fingerprint, amount } = running
  requests.add({ request_id: 'running', record, fingerprint, opens: false, held: amount, aside: amount, meter: null, billed: true, enforced: true, provider: null, call: null, price: null, scarce: false,
      unsecured: null, draw: null, place: -1 }) // prettier-ignore

  now = noonMs + 300_000
  expect(await recovery.recoverExpired()).toBe(1)
  expect((await adapter.request('left by a dead process'))?.status).toBe('error')
  for (const own of ['running', 'answered']) expect((await adapter.request(own))?.status, own).toBe('pending')
  await expectBalance(adapter, { bundle: '3', held: '1.5' })
  expect((await adapter.settle(settleAct('running', '0.25'))).outcome).toBe('settled')
  expect((await adapter.settle(settleAct('answered', '0.25'))).outcome).toBe('settled')
  await expectBalance(adapter, { bundle: '2.5' })
})
