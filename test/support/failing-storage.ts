// A storage that is away on demand: what it wraps stays real.
import { memoryStorage } from '../../src/storage/memory.ts'
import type { StorageAdapter } from '../../src/ledger/storage-adapter.ts'

export interface FailingStorage extends StorageAdapter {
  /** The next so many calls of an act reject. */
  fail(act: keyof StorageAdapter, times: number): void
}

export function failingStorage(inner: StorageAdapter = memoryStorage()): FailingStorage {
  const failures = new Map<PropertyKey, number>()
  const fail: FailingStorage['fail'] = (act, times) => void failures.set(act, times)
  return new Proxy(Object.assign(inner, { fail }), {
    get(target, name) {
      const left = failures.get(name) ?? 0
      if (left === 0) return Reflect.get(target, name) as unknown
      return () => {
        failures.set(name, left - 1)
        return Promise.reject(new Error('the storage is away'))
      }
    },
  })
}
