import { expect, test } from 'vitest'
import { createSettleQueue } from '../../src/gateway/settle-queue.ts'

test('runs what waits with the next hold, in order and once', () => {
  const queue = createSettleQueue()
  const ran: number[] = []
  queue.add(() => ran.push(1))
  queue.add(() => ran.push(2))
  expect(ran).toEqual([])
  queue.flush()
  queue.flush()
  expect(ran).toEqual([1, 2])
})

test('runs what waits by itself where no hold comes', async () => {
  const queue = createSettleQueue()
  const ran: string[] = []
  await new Promise<void>((resolve) => {
    queue.add(() => ran.push('first'))
    queue.add(() => {
      ran.push('second')
      resolve()
    })
  })
  expect(ran).toEqual(['first', 'second'])
})

test('takes what is added while it runs for the next time', () => {
  const queue = createSettleQueue()
  let runs = 0
  queue.add(() => {
    runs++
    queue.add(() => runs++)
  })
  queue.flush()
  expect(runs).toBe(1)
  queue.flush()
  expect(runs).toBe(2)
})
