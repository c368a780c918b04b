// The programs of the README as a compiler sees them: with the types of the built package and of every client they use.
import { execFile } from 'node:child_process'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { readmeBlocks } from './readme.ts'
import { readersFolder } from './scene.ts'
import { expressDeclarations, koaDeclarations } from './sessions.ts'

const run = promisify(execFile)
const compiler = join(import.meta.dirname, '../../node_modules/typescript/bin/tsc')

/** A function that reads JSON is given `unknown`, and `req.lava` may be none where no guard is; in JavaScript one need not care. */
const untyped = ['A format of its own 1', 'Agent budgets 2']

test('every program of the README type-checks', { timeout: 60_000 }, async ({ onTestFinished }) => {
  const folder = await readersFolder()
  onTestFinished(() => rm(folder, { recursive: true }))
  const programs = readmeBlocks().filter(({ name, code, language }) => language === 'js' && /^(\/\/.*\n)?import /.test(code) && !untyped.includes(name)) // prettier-ignore
  expect(programs.length).toBeGreaterThan(15)
  // Two frameworks, two sessions.
  const rooms = { express: expressDeclarations, koa: koaDeclarations }
  for (const [room, declarations] of Object.entries(rooms)) {
    await mkdir(join(folder, room))
    for (const [name, text] of Object.entries(declarations)) await writeFile(join(folder, room, name), text)
  }
  for (const { name, code } of programs)
    await writeFile(join(folder, code.includes("'koa'") ? 'koa' : 'express', `${name.replace(/\W+/g, '-')}.js`), code)
  const compilerOptions = { target: 'es2024', module: 'nodenext', types: ['node'], allowJs: true, checkJs: true, strict: true, noImplicitAny: false, skipLibCheck: true, noEmit: true } // prettier-ignore
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions }))
  const told = await run(process.execPath, [compiler], { cwd: folder }).catch((error: unknown) => String(Reflect.get(Object(error), 'stdout'))) // prettier-ignore
  expect(typeof told === 'string' ? told : told.stdout).toBe('')
})
