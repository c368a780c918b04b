// The last words of a test run: how many tests were skipped, and which. In CI nothing may be.
import type { Reporter, TestCase, TestModule } from 'vitest/node'

export default class SkippedReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const skipped = modules.flatMap((module) => [...module.children.allTests('skipped')])
    if (skipped.length === 0) return
    console.log(`${skipped.length} tests were skipped:`)
    for (const [name, count] of countedBy(skipped, groupOf)) console.log(`  ${count} of ${name}`)
    if (process.env.CI === undefined) return
    console.error('In CI nothing may be skipped.')
    process.exitCode = 1
  }
}

/** The suite says what it needs; a test outside of any says it itself. */
function groupOf(test: TestCase): string {
  return test.parent.type === 'suite' ? `${test.module.relativeModuleId}: ${test.parent.fullName}` : `${test.module.relativeModuleId}: ${test.name}`
} // prettier-ignore

function countedBy<Item>(items: readonly Item[], nameOf: (item: Item) => string): Map<string, number> {
  const counts = new Map<string, number>()
  for (const item of items) counts.set(nameOf(item), (counts.get(nameOf(item)) ?? 0) + 1)
  return counts
}
