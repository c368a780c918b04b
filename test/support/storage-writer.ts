// Writes to a SQLite file without end, in a process that a test kills. Prints each act once it has resolved.
import { writeSync } from 'node:fs'
import { sqliteStorage } from '../../src/storage/sqlite.ts'
import { creditAct, holdAct, race, settleAct } from '../../src/testing/conformance/subject.ts'

const { DATABASE_PATH = '', SYNCHRONOUS } = process.env
const storage = sqliteStorage({ path: DATABASE_PATH, synchronous: SYNCHRONOUS === 'normal' ? 'normal' : 'full' })
await storage.open()

let count = 0
await race(48, async () => {
  for (;;) {
    const id = `${process.pid}-${++count}`
    const { outcome } = await storage.credit(creditAct(id, '1'))
    print(outcome, id)
    print((await storage.hold(holdAct(id, '0.5'))).outcome, id)
    print((await storage.settle(settleAct(id, '0.25'))).outcome, id)
  }
})

/** Synchronous, so that what was printed has left the process when it is killed. */
function print(outcome: string, id: string): void {
  writeSync(1, `${outcome} ${id}\n`)
}
