// The conformance suite: cases that prove a storage adapter keeps the contract, for any test runner.
import { concurrentCases } from './conformance/concurrent-cases.ts'
import { holdCases } from './conformance/hold-cases.ts'
import { lifetimeCases } from './conformance/lifetime-cases.ts'
import { listingCases } from './conformance/listing-cases.ts'
import { moneyCases } from './conformance/money-cases.ts'
import { raceCases } from './conformance/race-cases.ts'
import { renewCases } from './conformance/renew-cases.ts'
import { retryCases } from './conformance/retry-cases.ts'
import type { ConformanceCase, ConformanceSubject } from './conformance/subject.ts'
import { textCases } from './conformance/text-cases.ts'

export type { ConformanceCase, ConformanceSubject } from './conformance/subject.ts'

/**
 * The cases of the storage contract. Each makes its own subject and disposes of it. There are no opt-outs.
 *
 * @param make gives an opened storage without data.
 * @example
 * for (const { name, run } of storageConformance(make)) test(name, run)
 */
export function storageConformance(make: () => Promise<ConformanceSubject>): ConformanceCase[] {
  const bodies = {
    ...raceCases,
    ...concurrentCases,
    ...holdCases,
    ...renewCases,
    ...retryCases,
    ...moneyCases,
    ...listingCases,
    ...textCases,
    ...lifetimeCases,
  }
  return Object.entries(bodies).map(([name, body]) => ({
    name,
    async run() {
      const subject = await make()
      try {
        await body(subject)
      } finally {
        await subject.dispose()
      }
    },
  }))
}
