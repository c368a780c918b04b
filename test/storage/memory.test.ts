import { expect, test } from 'vitest'
import { money } from '../../src/money.ts'
import { memoryStorage } from '../../src/storage/memory.ts'
import { storageConformance } from '../../src/testing/conformance.ts'
import { creditAct, expectBalance, holdAct, settleAct } from '../../src/testing/conformance/subject.ts'

const cases = storageConformance(async () => {
  const storage = memoryStorage()
  await storage.open()
  const reopen = async () => {
    await storage.open()
    return storage
  }
  return { storage, reopen, dispose: () => storage.close() }
})

for (const { name, run } of cases) test(name, run)

test('still has the data when the same instance is opened after close', async () => {
  const storage = memoryStorage()
  await storage.open()
  await storage.credit(creditAct('grant', '3'))
  await storage.hold(holdAct('request', '1'))
  await storage.close()
  await expect(storage.balance('ann')).rejects.toThrow('memoryStorage is closed: call open() first')
  await storage.open()
  await expectBalance(storage, { bundle: '3', held: '1' })
})

test('rejects amounts beyond 64 bits and leaves everything as it was', async () => {
  const storage = memoryStorage()
  await storage.open()
  await storage.credit(creditAct('grant', '3'))
  await expect(storage.credit({ ...creditAct('huge', '1'), amount: money(2n ** 63n) })).rejects.toThrow(RangeError)
  await expect(storage.settle(settleAct('huge', '999999999.5', { opens: true }))).rejects.toThrow(
    'does not fit 64 bits',
  )
  expect(await storage.request('huge')).toBeNull()
  await expectBalance(storage, { bundle: '3' })
})
