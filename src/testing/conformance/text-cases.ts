// Cases of text: ids and labels of odd characters in acts that come together, which a storage may send or write as one text.
import assert from 'node:assert/strict'
import { parseMoney } from '../../money.ts'
import { countOutcomes, expectBalance, holdAct, race, releaseAct, settleAct, type CaseBody } from './subject.ts'

/** What ends a line, a string or a list in some format, or is more than a byte or a code unit. */
const oddTexts = [
  '\n',
  '\r\n',
  '\\',
  '\\n',
  '\\u0000',
  '\\ud800',
  '"',
  "'",
  '/',
  '{a,b}',
  '[1]\n{}',
  'null',
  '$1',
  '%s',
  '\u0001\u001f',
  '\u007f',
  '\u2028',
  'ü🌋',
]

/** The hold and the settlement of a request in which all ids and labels have the text. */
function actsOf(text: string) {
  const [customer_id, meter_id, request_id] = [`c${text}`, `m${text}`, `r${text}`]
  const fingerprint = `f${text}`
  const record = { customer_id, meter_id, metadata: { odd: text, [text]: 'odd' }, note: `${text}\u0000` }
  const total = { customer_id, meter_id, cycle: text, units: 3n, expected_total: 0n }
  return {
    hold: holdAct(request_id, '1', { record, fingerprint, requires: 'nothing' }),
    settle: settleAct(request_id, '0.5', { record: { ...record, usage: { odd: 5e-324 } }, fingerprint, total }),
    total,
  }
}

export const textCases: Record<string, CaseBody> = {
  async 'takes ids and labels of any character, also in acts that come together'({ storage }) {
    const acts = oddTexts.map(actsOf)
    const held = await race(acts.length, (index) => storage.hold(at(acts, index).hold))
    assert.deepEqual(countOutcomes(held), { held: acts.length })
    for (const { hold } of acts) assert.deepEqual(await storage.request(hold.record.request_id), hold.record)
    const settled = await race(acts.length, (index) => storage.settle(at(acts, index).settle))
    for (const [index, { settle, total }] of acts.entries()) {
      const record = { ...settle.record, balance_after: '-0.5000000000' }
      const balance = { cycle: 0n, bundle: parseMoney('-0.5'), held: 0n }
      assert.deepEqual(settled[index], { outcome: 'settled', record, balance })
      assert.deepEqual(await storage.request(record.request_id), record)
      assert.equal(await storage.meterTotal(total), 3n)
      assert.deepEqual((await storage.requests({ metadata: record.metadata, limit: 2 })).data, [record])
    }
    const again = await race(acts.length, (index) => storage.hold(at(acts, index).hold))
    assert.deepEqual(countOutcomes(again), { duplicate: acts.length })
  },

  async 'gives records back as they were written, with characters that no id has, also of acts that come together'({
    storage,
  }) {
    const texts = ['\u0000', '\ud800', '\udc00', 'a\udc00\ud800']
    const partsOf = (text: string) => ({ note: text, endpoint: `POST ${text}`, usage: { [text]: text } })
    const hold = (index: number) => holdAct(`request-${index}`, '1', { record: partsOf(at(texts, index)), requires: 'nothing' }) // prettier-ignore
    await race(texts.length, (index) => storage.hold(hold(index)))
    for (const [index] of texts.entries())
      assert.deepEqual(await storage.request(`request-${index}`), hold(index).record)
    const ended = await race(texts.length, (index) => {
      const { record } = releaseAct(`request-${index}`)
      return storage.release({ record: { ...record, ...partsOf(at(texts, index)) }, lost: false })
    })
    for (const [index, told] of ended.entries()) {
      assert.ok(told.outcome === 'released')
      assert.equal(told.record.note, texts[index])
      assert.deepEqual(await storage.request(`request-${index}`), told.record)
    }
    await expectBalance(storage, {})
  },
}

function at<Item>(items: readonly Item[], index: number): Item {
  const item = items[index]
  assert.ok(item !== undefined)
  return item
}
