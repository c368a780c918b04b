// Cases of documents, and of what outlives an adapter.
import assert from 'node:assert/strict'
import type { StorageAdapter } from '../../ledger/storage-adapter.ts'
import { creditAct, expectBalance, holdAct, noonMs, race, releaseAct, settleAct, type CaseBody } from './subject.ts'

export const lifetimeCases: Record<string, CaseBody> = {
  async 'keeps documents by kind and id'({ storage }) {
    const document = { name: 'Chat', tiers: [{ start: '0', rate: '1.5' }], ratio: 0.1, none: null, text: 'ü🌋"\\' }
    assert.equal(await storage.document('meter', 'chat'), null)
    assert.deepEqual(await put(storage, 'meter', 'chat', document), { outcome: 'written' })
    assert.deepEqual(await storage.document('meter', 'chat'), document)
    assert.equal(await storage.document('plan', 'chat'), null)
    assert.deepEqual(await put(storage, 'meter', 'chat', ['other']), { outcome: 'written' })
    assert.deepEqual(await storage.document('meter', 'chat'), ['other'])
    assert.equal(await storage.deleteDocument('meter', 'chat'), true)
    assert.equal(await storage.deleteDocument('meter', 'chat'), false)
    assert.equal(await storage.document('meter', 'chat'), null)
  },

  async 'writes a document that must be absent once, however many race'({ storage }) {
    const outcomes = await race(20, (index) => put(storage, 'key', 'first', { index }, true))
    const written = outcomes.filter(({ outcome }) => outcome === 'written')
    assert.equal(written.length, 1)
    const document = await storage.document('key', 'first')
    for (const outcome of outcomes)
      if (outcome.outcome === 'exists') assert.deepEqual(outcome, { outcome: 'exists', document })
  },

  async 'lists the documents of a kind by id, page by page'({ storage }) {
    for (const id of ['b', 'd', 'a', 'c', 'B']) await put(storage, 'plan', id, { id })
    await put(storage, 'meter', 'aa', {})
    const ids = async (page: { after_id?: string; limit: number }) =>
      (await storage.documents('plan', page)).map(({ id }) => id)
    assert.deepEqual(await storage.documents('plan', { limit: 1 }), [{ id: 'B', document: { id: 'B' } }])
    assert.deepEqual(await ids({ limit: 9 }), ['B', 'a', 'b', 'c', 'd'])
    assert.deepEqual(await ids({ after_id: 'B', limit: 2 }), ['a', 'b'])
    assert.deepEqual(await ids({ after_id: 'bb', limit: 9 }), ['c', 'd'])
    assert.deepEqual(await ids({ after_id: 'd', limit: 9 }), [])
  },

  async 'hands out copies: what a caller changes is not what is stored'({ storage }) {
    const act = holdAct('request', '0', { record: { metadata: { team: 'red' } } })
    await storage.hold(act)
    act.record.metadata.team = 'blue'
    const read = await storage.request('request')
    assert.equal(read?.metadata.team, 'red')
    read.metadata.team = 'green'
    assert.equal((await storage.request('request'))?.metadata.team, 'red')
    await storage.credit(creditAct('grant', '1'))
    const balance = await storage.balance('ann')
    balance.held = balance.bundle
    await expectBalance(storage, { bundle: '1' })
  },

  async 'keeps everything over a reopening'({ storage, reopen }) {
    const total = { customer_id: 'ann', meter_id: 'chat', cycle: '', units: 9n, expected_total: null }
    await storage.credit(creditAct('grant', '10'))
    await storage.hold(holdAct('open', '2'))
    await storage.hold(holdAct('lost', '1'))
    await storage.release(releaseAct('lost', { lost: true }))
    await storage.settle(settleAct('report', '3', { opens: true, total, record: { metadata: { team: 'red' } } }))
    await put(storage, 'meter', 'chat', { rate: '1' })
    const open = await storage.request('open')

    const again = await reopen()
    await expectBalance(again, { bundle: '7', held: '2' })
    assert.equal(await again.meterTotal(total), 9n)
    assert.deepEqual(await again.document('meter', 'chat'), { rate: '1' })
    assert.deepEqual(await again.expired(noonMs + 60_000, 9), [open])
    const page = await again.requests({ limit: 9 })
    assert.deepEqual(
      page.data.map(({ request_id }) => request_id),
      ['report', 'lost', 'open'],
    )
    assert.equal((await again.requests({ limit: 9, metadata: { team: 'red' } })).data.length, 1)
    assert.equal((await again.credit(creditAct('grant', '10'))).outcome, 'duplicate')
    assert.equal((await again.hold(holdAct('open', '2'))).outcome, 'duplicate')
    assert.equal((await again.settle(settleAct('lost', '1'))).outcome, 'settled')
    assert.equal((await again.settle(settleAct('open', '1'))).outcome, 'settled')
    await expectBalance(again, { bundle: '5' })
  },

  async 'carries on a listing after a reopening'({ storage, reopen }) {
    for (const id of ['first', 'second', 'third']) await storage.hold(holdAct(id, '0'))
    const { next_cursor } = await storage.requests({ limit: 2 })
    assert.ok(next_cursor !== null)
    const again = await reopen()
    await again.hold(holdAct('fourth', '0'))
    const rest = await again.requests({ limit: 2, cursor: next_cursor })
    assert.deepEqual([rest.data.map(({ request_id }) => request_id), rest.next_cursor], [['first'], null])
  },

  async 'rejects every act after close, and closes twice without harm'({ storage }) {
    await storage.close()
    await storage.close()
    const acts: (() => Promise<unknown>)[] = [
      () => storage.hold(holdAct('request', '0')),
      () => storage.settle(settleAct('request', '0')),
      () => storage.release(releaseAct('request')),
      () => storage.renew({ request_id: 'request', expires_at_ms: noonMs }),
      () => storage.credit(creditAct('grant', '1')),
      () => storage.balance('ann'),
      () => storage.meterTotal({ customer_id: 'ann', meter_id: 'chat', cycle: '' }),
      () => storage.expired(noonMs, 1),
      () => storage.request('request'),
      () => storage.requests({ limit: 1 }),
      () => storage.usage({ start_ms: 0, end_ms: noonMs, utc_offset_minutes: 0 }),
      () => storage.document('meter', 'chat'),
      () => put(storage, 'meter', 'chat', {}),
      () => storage.documents('meter', { limit: 1 }),
      () => storage.deleteDocument('meter', 'chat'),
    ]
    for (const act of acts) await assert.rejects(act, Error, act.toString())
  },
}

function put(storage: StorageAdapter, kind: string, id: string, document: unknown, only_if_absent = false) {
  return storage.putDocument({ kind, id, document, only_if_absent })
}
