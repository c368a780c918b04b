// The patience with a storage that does not answer: how long an act is waited for, and how long the process stays for it.
import { execFileSync } from 'node:child_process'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { GatewayError } from '../../src/errors.ts'
import { createStorageWatch } from '../../src/gateway/health.ts'
import { createStorageAccess, type Storage } from '../../src/gateway/storage-access.ts'
import { memoryStorage } from '../../src/storage/memory.ts'

const never = () => new Promise<never>(() => undefined)

describe('an act that is never answered', () => {
  const timeoutMs = 1_000
  const watch = createStorageWatch(Date.now)
  let storage: Storage

  beforeEach(() => {
    vi.useFakeTimers({ now: 0 })
    storage = createStorageAccess(memoryStorage(), () => Promise.resolve(), { watch, storageTimeoutMs: timeoutMs })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  /** Begins an act at a time; resolves with the time at which it fails. */
  function failureOf(beginMs: number, act = never): Promise<number> {
    return new Promise((resolve, reject) => {
      setTimeout(() => {
        storage.use(act).then(
          () => reject(new Error('answered')),
          (error: unknown) => {
            expect(error).toBeInstanceOf(GatewayError)
            expect(error).toMatchObject({
              code: 'storage_unavailable',
              cause: { message: `no answer within ${timeoutMs} ms` },
            })
            resolve(Date.now())
          },
        )
      }, beginMs)
    })
  }

  test('fails after its time, or up to a quarter of it later, whenever it begins', async () => {
    // Beside the ticks and between them; the last ones after all others have failed, and after a while without any.
    const begins = [0, 1, 100, 249, 251, 260, 499, 501, 740, 1_100, 3_000, 3_001, 10_000, 10_130]
    const failures = Promise.all(begins.map((beginMs) => failureOf(beginMs)))
    await vi.advanceTimersByTimeAsync(15_000)
    const waits = (await failures).map((failureMs, index) => failureMs - (begins[index] ?? NaN))
    for (const waitedMs of waits) {
      expect(waitedMs).toBeGreaterThanOrEqual(timeoutMs)
      expect(waitedMs).toBeLessThanOrEqual(1.25 * timeoutMs)
    }
  })

  test('fails later when it begins later', async () => {
    const begins = [100, 400, 700, 1_000, 1_300]
    const failures = Promise.all(begins.map((beginMs) => failureOf(beginMs)))
    await vi.advanceTimersByTimeAsync(5_000)
    const ends = await failures
    expect(new Set(ends).size).toBe(begins.length)
    expect(ends).toEqual(ends.toSorted((a, b) => a - b))
  })

  test('fails alone: what is answered in time beside it goes on', async () => {
    const failure = failureOf(0)
    const answers = [10, 600, 1_240].map(
      (beginMs) =>
        new Promise((resolve, reject) => {
          const slowly = () => new Promise<number>((answer) => setTimeout(answer, 900, beginMs))
          setTimeout(() => void storage.use(slowly).then(resolve, reject), beginMs)
        }),
    )
    await vi.advanceTimersByTimeAsync(5_000)
    expect(await failure).toBeLessThanOrEqual(1.25 * timeoutMs)
    expect(await Promise.all(answers)).toEqual([10, 600, 1_240])
  })

  test('is waited for no longer than for its time when the storage does not even open', async () => {
    storage = createStorageAccess(memoryStorage(), never, { watch, storageTimeoutMs: timeoutMs })
    const failure = failureOf(0, () => Promise.reject(new Error('begun before it was open')))
    await vi.advanceTimersByTimeAsync(5_000)
    expect(await failure).toBeLessThanOrEqual(1.25 * timeoutMs)
    expect(watch.state()).toMatchObject({ reachable: false, last_error: `no answer within ${timeoutMs} ms` })
  })
})

/** What a process of its own prints before it exits by itself: only there it shows for what it stays. */
function printedBy(storageTimeoutMs: number, work: string): string[] {
  const script = `
    import { createStorageAccess } from './src/gateway/storage-access.ts'
    const watch = { succeeded() {}, failed() {}, state() {} }
    const storage = createStorageAccess({}, async () => {}, { watch, storageTimeoutMs: ${storageTimeoutMs} })
    const answered = () => Promise.resolve()
    const never = () => new Promise(() => {})
    const tell = (name, act) => storage.use(act).then(
      () => console.log(name + ' answered'),
      (error) => console.log(name + ' ' + error.code),
    )
    ${work}`
  const args = ['--no-warnings', '--input-type=module', '--eval', script]
  return execFileSync(process.execPath, args, { encoding: 'utf8', timeout: 15_000 }).trimEnd().split('\n')
}

describe('a process with nothing else to do', () => {
  test('stays until an act has failed', () => {
    expect(printedBy(100, `void tell('only', never)`)).toEqual(['only storage_unavailable'])
  })

  test('stays until an act has failed that begins when no other is under way', () => {
    const work = `
      await tell('first', answered)
      void tell('second', never)`
    expect(printedBy(100, work)).toEqual(['first answered', 'second storage_unavailable'])
  })

  test('stays for the act that is still under way when others have been answered', () => {
    const work = `
      void tell('first', never)
      void tell('second', answered)
      void tell('third', answered)`
    const printed = ['second answered', 'third answered', 'first storage_unavailable']
    expect(printedBy(100, work)).toEqual(printed)
  })

  test('stays no longer than its last act', () => {
    // With an hour's patience, whatever it stayed for would end by the time limit of the test.
    const work = `
      await tell('first', answered)
      await Promise.all([tell('second', answered), tell('third', () => Promise.reject(new Error('away')))])`
    expect(printedBy(3_600_000, work)).toEqual(['first answered', 'second answered', 'third storage_unavailable'])
  })
})
