// Proves the storage of this folder: every case of the suite that lava-gateway's own storages pass. Needs no service.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { StorageAdapter } from 'lava-gateway'
import { storageConformance } from 'lava-gateway/testing'
import { usersStorage } from './users-storage.ts'

const folder = mkdtempSync(join(tmpdir(), 'lava-own-storage-'))
let files = 0
const cases = storageConformance(async () => {
  const path = join(folder, `${++files}.db`)
  const adapters: StorageAdapter[] = []
  const reopen = async () => {
    const storage = usersStorage(path)
    await storage.open()
    adapters.push(storage)
    return storage
  }
  const dispose = async () => {
    for (const adapter of adapters) await adapter.close()
  }
  return { storage: await reopen(), reopen, dispose }
})

let failed = 0
for (const { name, run } of cases) {
  try {
    await run()
    console.log(`ok    ${name}`)
  } catch (error) {
    failed++
    console.log(`FAIL  ${name}:`, error)
  }
}
rmSync(folder, { recursive: true })
console.log(`\n${cases.length - failed} of ${cases.length} cases passed.`)
process.exitCode = failed === 0 ? 0 : 1
