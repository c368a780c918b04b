// The audit of a chaos run: every promise as a check over the evidence; a check that finds a difference names it.
import { accountChecks } from './audit-accounts.ts'
import { callChecks } from './audit-calls.ts'
import { reportChecks } from './audit-reports.ts'
import type { Evidence } from './evidence.ts'

export interface Check {
  promise: string
  /** How many things were looked at. */
  looked: number
  differences: string[]
}

/** Collects what a check looks at and finds. */
export interface Finding {
  look: (ok: boolean, difference: () => string) => void
}

export type CheckBody = (evidence: Evidence, finding: Finding) => void

export function audit(evidence: Evidence): Check[] {
  return Object.entries({ ...callChecks, ...reportChecks, ...accountChecks }).map(([promise, check]) => {
    const result: Check = { promise, looked: 0, differences: [] }
    check(evidence, {
      look(ok, difference) {
        result.looked++
        if (!ok) result.differences.push(difference())
      },
    })
    return result
  })
}
