// The README's tables, links and lists say what the code has: nothing more, nothing less.
import { readdirSync, readFileSync } from 'node:fs'
import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { join } from 'node:path'
import ts from 'typescript'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { errorStatuses } from '../../src/errors.ts'
import { providerOptionsSchema } from '../../src/gateway/configured-provider.ts'
import { optionsSchema } from '../../src/gateway/options-schema.ts'
import { settingsFrom } from '../../src/gateway/options.ts'
import { parseMoney } from '../../src/money.ts'
import { memoryStorage } from '../../src/storage/memory.ts'
import { readmeTable, readmeText } from './readme.ts'

const root = join(import.meta.dirname, '../..')

describe('the table of options', () => {
  const rows = new Map(readmeTable('Options').map(([name = '', type = '', told = '']) => [name, { type, told }]))

  test('names every option of the schema, that of Express, and no other', () => {
    const guard = optionsSchema.shape.guard.unwrap().shape
    const names = Object.keys(optionsSchema.shape).filter((name) => name !== 'guard')
    const wanted = [...names, ...Object.keys(guard).map((name) => `guard.${name}`), 'passErrors']
    expect([...rows.keys()].toSorted()).toEqual(wanted.toSorted())
  })

  test('tells each choice that the schema has', () => {
    const flat = { ...optionsSchema.shape, ...prefixed(optionsSchema.shape.guard.unwrap().shape) }
    for (const [name, schema] of Object.entries(flat)) {
      const inner: unknown = schema instanceof z.ZodOptional ? schema.unwrap() : schema
      if (!(inner instanceof z.ZodEnum)) continue
      expect(rows.get(name)?.type, name).toBe(inner.options.map((choice) => `\`'${String(choice)}'\``).join(', '))
    }
  })

  /** Told in words, since they are objects or functions, or stand in the environment. */
  const inWords = [
    'storage',
    'secretKey',
    'providers',
    'meters',
    'prices',
    'logger',
    'clock',
    'ids',
    'passErrors',
    'onRecord',
  ]
  const settings = settingsFrom({ storage: memoryStorage() }, {})
  const defaults: Readonly<Record<string, unknown>> = {
    ...settings,
    'guard.mode': settings.guardMode,
    'guard.shadow': settings.shadow,
    'guard.overdraft': settings.overdraft,
    'guard.flatHold': settings.flatHold,
    meter: settings.meterOf(new IncomingMessage(new Socket())),
  }

  test.each([...rows].filter(([name]) => !inWords.includes(name)))('tells the default of %s', (name, { told }) => {
    expect(Object.keys(defaults)).toContain(name)
    const value = defaults[name]
    if (typeof value === 'bigint') expect(parseMoney(JSON.parse(inJson(told)) as string)).toBe(value)
    else expect(told === 'none' ? null : JSON.parse(inJson(told))).toEqual(value ?? null)
  })
})

test('the table of providers names every option of an entry', () => {
  const names = readmeTable('Providers').map(([name]) => name)
  expect(names.toSorted()).toEqual(Object.keys(providerOptionsSchema.shape).toSorted())
})

describe('the table of members', () => {
  const rows = readmeTable('Members')
  const inputs = {
    balanceGuard: 'BalanceGuardOptions',
    usageCapture: 'UsageCaptureOptions',
    fetch: 'MeteredFetchOptions',
    openBudget: 'BudgetInput',
    createForwardToken: 'SignedTokenInput',
    credit: 'CreditInput',
    sqliteStorage: 'SqliteStorageOptions',
    postgresStorage: 'PostgresStorageOptions',
    redisStorage: 'RedisStorageOptions',
  }

  test.each(Object.entries(inputs))('names every option of %s', (member, name) => {
    const told = rows.filter(([of]) => of === member).map(([, option = '']) => option.replace(/^limits\..*/, 'limits'))
    expect([...new Set(told)].toSorted()).toEqual(fieldsOf(name).toSorted())
  })

  test('is about no other members', () => {
    expect([...new Set(rows.map(([member]) => member))].toSorted()).toEqual([...Object.keys(inputs), 'canAfford'].toSorted()) // prettier-ignore
  })
})

test('the table of errors has the code’s own statuses', () => {
  const told = readmeTable('Errors').flatMap(([status = '', codes = '']) =>
    codes.split(', ').map((code) => [code.replaceAll('`', ''), Number(status)]),
  )
  // Those two are for parts that are not there yet.
  const { meter_not_in_plan, rate_limited, ...thrown } = errorStatuses
  expect([meter_not_in_plan, rate_limited]).toEqual([403, 429])
  expect(Object.fromEntries(told)).toEqual(thrown)
})

test('every link of the README leads somewhere', () => {
  const text = readmeText()
  const anchors = [...text.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) => title.toLowerCase().replace(/[^\w\- ]/g, '').replaceAll(' ', '-')) // prettier-ignore
  const links = [...text.matchAll(/\]\(([^)]+)\)/g)].map(([, to = '']) => to).filter((to) => !to.startsWith('https:'))
  expect(links.filter((to) => (to.startsWith('#') ? !anchors.includes(to.slice(1)) : !isFile(to)))).toEqual([])
})

test('every example is in the README, and every example of the README is there', () => {
  const named = [...readmeText().matchAll(/`node (examples\/\S+)`/g)].map(([, path = '']) => path)
  expect(named.filter((path) => !isFile(path))).toEqual([])
  const found = readdirSync(join(root, 'examples')).map((name) => `examples/${name}`)
  expect(found.filter((path) => !named.some((each) => each === path || each.startsWith(`${path}/`)))).toEqual([])
})

test('no table is too wide to be read in its source', () => {
  expect(readmeText().match(/^\|.{170,}$/gm)).toBeNull()
})

function prefixed(shape: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(shape).map(([name, schema]) => [`guard.${name}`, schema]))
}

function inJson(told: string): string {
  return told.replaceAll("'", '"')
}

function isFile(path: string): boolean {
  try {
    return readFileSync(join(root, path)).length > 0
  } catch {
    return false
  }
}

/** What an interface of the source asks for, wherever it lives. */
function fieldsOf(name: string): string[] {
  for (const file of readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })) {
    const text = file.endsWith('.ts') ? readFileSync(join(root, 'src', file), 'utf8') : ''
    if (!new RegExp(`^export interface ${name}\\b`, 'm').test(text)) continue
    const { statements } = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true)
    for (const statement of statements)
      if (ts.isInterfaceDeclaration(statement) && statement.name.text === name)
        return statement.members.map((member) => member.name?.getText() ?? '')
  }
  throw new Error(`the source has no interface ${name}`)
}
