// Cases of reads over many records: pages, filters, usage by day.
import assert from 'node:assert/strict'
import { noModelUsage } from '../../ledger/new-record.ts'
import type { RequestRecord } from '../../ledger/request-record.ts'
import type { RequestsQuery, StorageAdapter } from '../../ledger/storage-adapter.ts'
import { parseMoney } from '../../money.ts'
import { holdAct, race, releaseAct, settleAct, type CaseBody } from './subject.ts'

export const listingCases: Record<string, CaseBody> = {
  async 'lists requests newest first, page by page to the end'({ storage }) {
    await reportAll(storage, 10)
    const pages = await pagesOf(storage, { limit: 4 })
    assert.deepEqual(
      pages.map(({ length }) => length),
      [4, 4, 2],
    )
    assert.deepEqual(pages.flat(), newestFirst(10))
    const exact = await storage.requests({ limit: 10 })
    assert.equal(exact.next_cursor, null, 'a page that ends with the last row has none after it')
    assert.deepEqual(await pagesOf(storage, { limit: 5 }), [newestFirst(10).slice(0, 5), newestFirst(10).slice(5)])
  },

  async 'never skips or repeats a row while rows are added and finished'({ storage }) {
    // All of the same millisecond, so that only the order of writing tells them apart.
    for (let index = 0; index < 30; index++) await storage.hold(holdAct(`request-${index}`, '0'))
    const seen: string[] = []
    let cursor: string | null = null
    for (let round = 0; round === 0 || cursor !== null; round++) {
      const page = await storage.requests({ limit: 7, ...(cursor === null ? {} : { cursor }) })
      seen.push(...page.data.map(({ request_id }) => request_id))
      cursor = page.next_cursor
      await race(5, (index) => storage.hold(holdAct(`added-${round}-${index}`, '0')))
      await storage.settle(settleAct(`request-${29 - round}`, '0'))
    }
    assert.deepEqual(seen, newestFirst(30))
  },

  async 'answers an unknown cursor with an empty page'({ storage }) {
    await reportAll(storage, 3)
    const empty = { data: [], next_cursor: null }
    for (const cursor of ['', 'request-1', '1', '%', 'cm93OjE', '🌋'.repeat(20)])
      assert.deepEqual(await storage.requests({ limit: 2, cursor }), empty)
    const { next_cursor } = await storage.requests({ limit: 2 })
    assert.deepEqual(await storage.requests({ limit: 2, cursor: `${next_cursor ?? ''}=` }), empty)
  },

  async 'filters requests by customer, meter and metadata, page by page'({ storage }) {
    for (let index = 0; index < 24; index++)
      await report(storage, `request-${index}`, {
        customer_id: index % 2 ? 'ann' : 'ben',
        meter_id: index % 3 ? 'chat' : 'tts',
        metadata: { team: index % 4 ? 'red' : 'blue', ...(index % 6 ? {} : { run: 'nightly' }) },
      })
    const found = async (query: Omit<RequestsQuery, 'limit'>) => (await pagesOf(storage, { ...query, limit: 2 })).flat()
    const expected = (matches: (index: number) => boolean) =>
      newestFirst(24).filter((_, position) => matches(23 - position))
    assert.deepEqual(
      await found({ customer_id: 'ann' }),
      expected((index) => index % 2 === 1),
    )
    assert.deepEqual(
      await found({ meter_id: 'tts' }),
      expected((index) => index % 3 === 0),
    )
    assert.deepEqual(
      await found({ customer_id: 'ben', meter_id: 'tts' }),
      expected((index) => index % 6 === 0),
    )
    assert.deepEqual(
      await found({ metadata: { team: 'blue' } }),
      expected((index) => index % 4 === 0),
    )
    const both = { team: 'blue', run: 'nightly' }
    assert.deepEqual(
      await found({ metadata: both }),
      expected((index) => index % 12 === 0),
    )
    assert.deepEqual(
      await found({ metadata: both, customer_id: 'ben', meter_id: 'tts' }),
      expected((index) => index % 12 === 0),
    )
    assert.deepEqual(await found({ metadata: {} }), newestFirst(24))
    for (const none of [
      { customer_id: 'eve' },
      { meter_id: 'none' },
      { metadata: { team: 'nightly' } },
      { metadata: both, customer_id: 'ann' },
    ])
      assert.deepEqual(await found(none), [])
  },

  async 'filters by what a record says after its settlement'({ storage }) {
    await storage.hold(holdAct('request-0', '0', { record: { metadata: { step: 'first', team: 'red' } } }))
    await storage.settle(
      settleAct('request-0', '0', { record: { meter_id: 'tts', metadata: { step: 'last', team: 'red' } } }),
    )
    const lengths = []
    for (const filter of [
      { metadata: { step: 'first' } },
      { metadata: { step: 'last' } },
      { metadata: { team: 'red' } },
      { meter_id: 'chat' },
      { meter_id: 'tts' },
    ])
      lengths.push((await storage.requests({ ...filter, limit: 5 })).data.length)
    assert.deepEqual(lengths, [0, 1, 1, 0, 1])
  },

  async 'adds up usage by the day of the asked time zone'({ storage }) {
    const days = async (utc_offset_minutes: number) =>
      (await storage.usage({ ...everything, utc_offset_minutes })).map(({ date, total_requests }) => [
        date,
        total_requests,
      ])
    for (const [index, created_at] of [
      '2026-03-01T22:30:00.000Z',
      '2026-03-01T23:59:59.999Z',
      '2026-03-02T00:00:00.000Z',
      '2026-03-04T11:00:00.000Z',
    ].entries())
      await report(storage, `request-${index}`, { created_at })
    assert.deepEqual(await days(0), [
      ['2026-03-01', 2],
      ['2026-03-02', 1],
      ['2026-03-04', 1],
    ])
    assert.deepEqual(await days(90), [
      ['2026-03-02', 3],
      ['2026-03-04', 1],
    ])
    assert.deepEqual(await days(-30), [
      ['2026-03-01', 3],
      ['2026-03-04', 1],
    ])
    assert.deepEqual(await days(14 * 60), [
      ['2026-03-02', 3],
      ['2026-03-05', 1],
    ])
  },

  async 'adds up tokens, cost and charge of completed records only'({ storage }) {
    const usage = (tokens: number) => ({ model_usage: { ...noModelUsage, total_tokens: tokens }, cost: '0.3000000001' })
    await report(storage, 'first', usage(5), '1.0000000001')
    await report(storage, 'second', { ...usage(7), customer_id: 'ben' }, '2')
    await report(storage, 'third', { ...usage(9), meter_id: 'tts' }, '3')
    await report(storage, 'failed', { ...usage(100), status: 'error' }, '50')
    await storage.hold(holdAct('pending', '0'))
    await storage.hold(holdAct('released', '0'))
    await storage.release({ ...releaseAct('released'), lost: true })
    const totals = async (query: { customer_id?: string; meter_id?: string }) => {
      const [day, ...others] = await storage.usage({ ...everything, ...query })
      assert.deepEqual(others, [])
      return day && [day.total_requests, day.total_usage_tokens, day.total_cost, day.total_charge]
    }
    const dollars = parseMoney
    assert.deepEqual(await totals({}), [3, 21, dollars('0.9000000003'), dollars('6.0000000001')])
    assert.deepEqual(await totals({ customer_id: 'ann' }), [2, 14, dollars('0.6000000002'), dollars('4.0000000001')])
    assert.deepEqual(await totals({ customer_id: 'ann', meter_id: 'tts' }), [
      1,
      9,
      dollars('0.3000000001'),
      dollars('3'),
    ])
    assert.deepEqual(await totals({ meter_id: 'chat' }), [2, 12, dollars('0.6000000002'), dollars('3.0000000001')])
    assert.equal(await totals({ customer_id: 'eve' }), undefined)
  },

  async 'counts usage from the first to the last millisecond asked for'({ storage }) {
    const atMs = Date.UTC(2026, 2, 1, 12)
    await report(storage, 'request', { created_at: new Date(atMs).toISOString() })
    const count = async (start_ms: number, end_ms: number) =>
      (await storage.usage({ start_ms, end_ms, utc_offset_minutes: 0 })).length
    assert.deepEqual(
      [await count(atMs, atMs), await count(atMs + 1, atMs + 9), await count(atMs - 9, atMs - 1)],
      [1, 0, 0],
    )
  },
}

const everything = { start_ms: 0, end_ms: Date.UTC(2100, 0), utc_offset_minutes: 0 }

function report(storage: StorageAdapter, request_id: string, record: Partial<RequestRecord>, charge = '0') {
  return storage.settle(settleAct(request_id, charge, { opens: true, record }))
}

async function reportAll(storage: StorageAdapter, count: number): Promise<void> {
  for (let index = 0; index < count; index++) await report(storage, `request-${index}`, {})
}

function newestFirst(count: number): string[] {
  return Array.from({ length: count }, (_, position) => `request-${count - 1 - position}`)
}

/** The ids of every page, to the end. */
async function pagesOf(storage: StorageAdapter, query: RequestsQuery): Promise<string[][]> {
  const pages: string[][] = []
  let cursor: string | null = null
  do {
    const page = await storage.requests({ ...query, ...(cursor === null ? {} : { cursor }) })
    pages.push(page.data.map(({ request_id }) => request_id))
    cursor = page.next_cursor
    assert.ok(pages.length < 100, 'the pages end')
  } while (cursor !== null)
  return pages
}
