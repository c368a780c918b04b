// Scarce money: who can pay one call at a time makes one after the other, as fast as the answers come.
import { afterEach, expect, test } from 'vitest'
import { chatMeter, runningApp, type AppOptions, type RunningApp } from '../support/running-app.ts'

let running: RunningApp
afterEach(() => running.close())

/** A call is held with some 0.0012 dollars, and charged 0.00015. */
const oneCall = '0.002'

async function start(credit: string, lava: AppOptions['lava'] = {}): Promise<void> {
  running = await runningApp({ behaviour: { inputTokens: 10, outputTokens: 10 }, lava })
  await running.lava.credit({ customer_id: 'ada', amount: credit, entry_id: 'e' })
}

async function callInTurn(options: Parameters<RunningApp['call']>[0]): Promise<number[]> {
  const statuses: number[] = []
  for (let call = 0; call < 5; call++) {
    const answer = await running.call(options)
    statuses.push(answer.status)
    await answer.text()
  }
  return statuses
}

const allAnswered = [200, 200, 200, 200, 200]

test('from a balance, by a meter whose tiers look at what was used before', async () => {
  const tiers = [{ start: '0', rate: '120' }, { start: '1', rate: '110' }] // prettier-ignore
  await start(oneCall, { meters: [{ ...chatMeter, tiers }] })
  expect(await callInTurn({})).toEqual(allAnswered)
})

test('from a budget', async () => {
  await start('1')
  const budget = await running.lava.openBudget({ customer_id: 'ada', meter_slug: 'chat', amount: oneCall })
  expect(await callInTurn({ headers: { ...budget.headers } })).toEqual(allAnswered)
  await budget.close()
})

test('from what a signed token allows', async () => {
  await start('1')
  const limits = { amount: oneCall }
  const credential = running.lava.createForwardToken({ customer_id: 'ada', meter_slug: 'chat', expiresIn: '15m', limits }) // prettier-ignore
  expect(await callInTurn({ credential })).toEqual(allAnswered)
})
