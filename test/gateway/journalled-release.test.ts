// A release in the journal that was carried out before: its answer was lost, and its process killed.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { lavaGateway } from '../../src/express.ts'
import { waitingToJson } from '../../src/gateway/settle-order.ts'
import { openJournal } from '../../src/ledger/journal.ts'
import { memoryStorage } from '../../src/storage/memory.ts'
import { creditAct, expectBalance, holdAct } from '../../src/testing/conformance/subject.ts'
import { secretKey } from '../support/fixed.ts'

test('is taken out of the journal, and changes nothing', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lava-release-'))
  const journalPath = join(folder, 'journal.db')
  const storage = memoryStorage()
  await storage.open()
  await storage.credit(creditAct('grant', '2'))
  const held = holdAct('refused', '1')
  await storage.hold(held)
  const record = { ...held.record, status: 'completed', timestamp: held.record.created_at } as const
  await storage.release({ record, lost: false })
  const journal = openJournal(journalPath)
  const order = { kind: 'release', record, fingerprint: held.fingerprint, opens: false } as const
  journal.add({ request_id: record.request_id, order: waitingToJson({ storage_id: null, order }) })
  journal.close()

  const quiet = () => undefined
  const logger = { info: quiet, warn: quiet, error: quiet }
  const lava = lavaGateway({ storage, journalPath, secretKey, logger })
  while (lava.health().journaled !== 0) await new Promise(setImmediate)
  await expectBalance(storage, { bundle: '2' })
  expect((await lava.close()).left_in_journal).toBe(0)
  await rm(folder, { recursive: true })
})
