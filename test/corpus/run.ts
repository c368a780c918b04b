// npm run corpus: scores readUsage on recorded answers, with the corpus's own score.mjs, every answer cut in six ways.
//   node test/corpus/run.ts          every case but those that are wrong themselves (selection.ts)
//   node test/corpus/run.ts --all    those too
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isSelected, leftOut } from './selection.ts'

const corpus = join(import.meta.dirname, '../../../shared/corpus')
const cases = join(corpus, 'shared.jsonl')
const splits = 'whole,1,7,lines,random:1,random:2'

if (!existsSync(cases)) {
  console.error('There is no corpus here: ../shared/corpus/shared.jsonl is missing.')
  process.exit(2)
}
const all = process.argv.includes('--all')
const lines = readFileSync(cases, 'utf8').trim().split('\n')
const chosen = lines.filter((line) => all || isSelected(JSON.parse(line)))
const directory = mkdtempSync(join(tmpdir(), 'lava-corpus-'))
const file = join(directory, 'cases.jsonl')
writeFileSync(file, chosen.join('\n'))
const scored = spawnSync(
  process.execPath,
  [join(corpus, 'score.mjs'), file, join(import.meta.dirname, 'adapter.ts'), '--split', splits, '--list'],
  { stdio: 'inherit' },
)
rmSync(directory, { recursive: true })
if (!all)
  for (const reason of new Set(Object.values(leftOut))) {
    const ids = Object.keys(leftOut).filter((id) => leftOut[id] === reason)
    console.log(`left out, ${ids.length} of ${lines.length}: ${ids.join(', ')}\n  ${reason}`)
  }
process.exit(scored.status ?? 1)
