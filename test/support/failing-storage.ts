// A storage that is away on demand: what it wraps stays real.
import { memoryStorage } from '../../src/storage/memory.ts'
import type { StorageAdapter } from '../../src/ledger/storage-adapter.ts'

export interface FailingStorage extends StorageAdapter {
  /** The next so many calls of an act reject. */
  fail(act: keyof StorageAdapter, times: number): void
  /** The next so many calls of an act happen, and are never answered. */
  mute(act: keyof StorageAdapter, times: number): void
}

export function failingStorage(inner: StorageAdapter = memoryStorage()): FailingStorage {
  const failures = new Map<PropertyKey, number>()
  const muted = new Map<PropertyKey, number>()
  const mute: FailingStorage['mute'] = (act, times) => void muted.set(act, times)
  const fail: FailingStorage['fail'] = (act, times) => void failures.set(act, times)
  return new Proxy(Object.assign(inner, { fail, mute }), {
    get(target, name) {
      const silent = muted.get(name) ?? 0
      if (silent > 0)
        return async (...given: unknown[]) => {
          muted.set(name, silent - 1)
          await Reflect.apply(Reflect.get(target, name) as () => Promise<unknown>, target, given)
          return new Promise(() => undefined)
        }
      const left = failures.get(name) ?? 0
      if (left === 0) return Reflect.get(target, name) as unknown
      return () => {
        failures.set(name, left - 1)
        return Promise.reject(new Error('the storage is away'))
      }
    },
  })
}
