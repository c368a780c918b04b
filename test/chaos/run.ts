// npm run chaos: gateways under load are killed at random, and then every call, record, charge, balance and hold is reconciled.
//   npm run chaos -- --storage sqlite|postgres|redis --seconds N --kills N [--instances 1|2] [--pauses N] [--seed N] [--on-lost release|charge]
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { z } from 'zod'
import { audit } from './audit.ts'
import { chaos } from './chaos.ts'
import { storageKinds } from './places.ts'
import { checksTable, figuresTable, figuresOf } from './summary.ts'

const { values } = parseArgs({
  options: {
    storage: { type: 'string', default: 'sqlite' },
    seconds: { type: 'string', default: '30' },
    kills: { type: 'string', default: '20' },
    pauses: { type: 'string' },
    instances: { type: 'string', default: '2' },
    seed: { type: 'string', default: String(randomInt(1, 1_000_000)) },
    'on-lost': { type: 'string', default: 'release' },
  },
})
const options = z
  .object({
    storage: z.enum(storageKinds),
    seconds: z.coerce.number().positive(),
    kills: z.coerce.number().int().positive(),
    pauses: z.coerce.number().int().nonnegative().optional(),
    instances: z.coerce.number().int().min(1).max(2),
    seed: z.coerce.number().int().nonnegative(),
    'on-lost': z.enum(['release', 'charge']),
  })
  .transform(({ 'on-lost': onLost, pauses, ...others }) => ({
    ...others,
    pauses: pauses ?? Math.ceil(others.kills / 10),
    onLost,
  }))
  .parse(values)

console.log(`chaos: ${JSON.stringify(options)}\nThe same again: --seed ${options.seed}\n`)
const run = await chaos(options)
const checks = audit(run.evidence)
console.log(figuresTable(figuresOf(run)))
console.log(`\n${checksTable(checks)}`)
for (const error of run.errors.slice(0, 20)) console.log(`logged: ${error}`)
const differences = checks.reduce((sum, check) => sum + check.differences.length, 0)
console.log(differences === 0 ? '\nNo difference.' : `\n${differences} differences (seed ${options.seed}).`)
process.exitCode = differences === 0 ? 0 : 1
