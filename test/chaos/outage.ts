// An outage of the storage as one gateway sees it: for a while its acts are refused, or happen and are never confirmed.
import type { StorageAdapter } from '../../src/ledger/storage-adapter.ts'

export interface StorageWithOutages extends StorageAdapter {
  goAway(milliseconds: number): void
}

/** Opening and closing are left alone: they are the process's own start and end. */
export function withOutages(inner: StorageAdapter): StorageWithOutages {
  let awayUntilMs = 0
  let refused = 0

  async function refuse(name: PropertyKey, act: () => Promise<unknown>): Promise<never> {
    // Every other one is done: a cut connection does not tell which.
    if (++refused % 2 === 0) await act()
    throw new Error(`the storage is away: ${String(name)}`)
  }

  const goAway: StorageWithOutages['goAway'] = (milliseconds) => {
    awayUntilMs = Date.now() + milliseconds
  }
  return new Proxy(Object.assign(inner, { goAway }), {
    get(target, name) {
      const member: unknown = Reflect.get(target, name)
      const isAct = typeof member === 'function' && !['open', 'close', 'goAway'].includes(String(name))
      if (!isAct || Date.now() >= awayUntilMs) return member
      return (...given: unknown[]) => refuse(name, () => Reflect.apply(member, target, given) as Promise<unknown>)
    },
  })
}
