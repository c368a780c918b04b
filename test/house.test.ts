// The house rules of the design, checked on the source itself.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import ts from 'typescript'
import { expect, test } from 'vitest'

const root = resolve(import.meta.dirname, '../src')
const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => name.replaceAll('\\', '/'))
const sources = new Map(files.map((name) => [name, readFileSync(join(root, name), 'utf8')]))

/** Top to bottom (design 4): a file imports from its own floor or a lower one. */
const floors = [
  ['index.ts'],
  ['express.ts', 'koa.ts'],
  ['shared-names.ts'],
  ['gateway/'],
  ['api/'],
  ['storage/'],
  ['testing/'],
  ['ledger/', 'pricing/', 'providers/'],
  ['http/'],
  ['option.ts'],
  ['usage.ts', 'money.ts', 'errors.ts', 'clock.ts', 'roster.ts'],
]

function floorOf(name: string): number {
  return floors.findIndex((rooms) =>
    rooms.some((room) => name === room || (room.endsWith('/') && name.startsWith(room))),
  )
}

function roomOf(name: string): string {
  return name.includes('/') ? name.slice(0, name.indexOf('/')) : name
}

function parse(name: string): ts.SourceFile {
  return ts.createSourceFile(name, sources.get(name) ?? '', ts.ScriptTarget.Latest, true)
}

function importsOf(name: string): string[] {
  return parse(name)
    .statements.filter((statement) => ts.isImportDeclaration(statement) || ts.isExportDeclaration(statement))
    .flatMap(({ moduleSpecifier }) =>
      moduleSpecifier && ts.isStringLiteral(moduleSpecifier) ? [moduleSpecifier.text] : [],
    )
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => relative(root, resolve(root, dirname(name), specifier)).replaceAll('\\', '/'))
}

const edges = files.flatMap((from) => importsOf(from).map((to) => ({ from, to })))

test('every file has its floor in the house', () => {
  expect(files.filter((name) => floorOf(name) < 0)).toEqual([])
})

test('imports go down', () => {
  expect(edges.filter(({ from, to }) => floorOf(to) < floorOf(from))).toEqual([])
})

test('ledger, pricing and providers do not know each other, and the gateway knows no storage', () => {
  const apart = new Set(['ledger', 'pricing', 'providers'])
  const between = edges.filter(({ from, to }) => {
    const [a, b] = [roomOf(from), roomOf(to)]
    return (a !== b && apart.has(a) && apart.has(b)) || (a === 'gateway' && b === 'storage')
  })
  expect(between).toEqual([])
})

test('nobody imports the front door', () => {
  expect(edges.filter(({ to }) => to.endsWith('index.ts'))).toEqual([])
})

test('there is no circle, not even of types', () => {
  const seen = new Map<string, 'open' | 'done'>()
  const circles: string[] = []
  const visit = (name: string, path: readonly string[]) => {
    if (seen.get(name) === 'open') circles.push([...path, name].join(' -> '))
    if (seen.has(name)) return
    seen.set(name, 'open')
    for (const { from, to } of edges) if (from === name) visit(to, [...path, name])
    seen.set(name, 'done')
  }
  for (const name of files) visit(name, [])
  expect(circles).toEqual([])
})

test('only the faces know a framework', () => {
  const framework = /from '(express|koa)(\/|')/
  expect(files.filter((name) => framework.test(sources.get(name) ?? '') && floorOf(name) !== 1)).toEqual([])
})

test('no file is over 250 lines and no function over 70', () => {
  const long = files.filter((name) => (sources.get(name) ?? '').trimEnd().split('\n').length > 250)
  expect(long).toEqual([])
  expect(files.flatMap((name) => longFunctions(parse(name)))).toEqual([])
})

test('each file opens with one line that says what lives there', () => {
  expect(files.filter((name) => !/^\/\/ \S.+\.\n(?!\/\/)/.test(sources.get(name) ?? ''))).toEqual([])
})

test('there is no drawer for everything', () => {
  expect(files.filter((name) => /(^|\/)(types|utils|helpers|common|misc)\.ts$/.test(name))).toEqual([])
})

test('time, environment and console stay at the edge', () => {
  const edge = /^(clock|gateway\/options)/
  const inner = files.filter((name) => !edge.test(name) && /Date\.now\(|process\.env|console\./.test(codeOf(name)))
  expect(inner).toEqual([])
})

function longFunctions(source: ts.SourceFile): string[] {
  const long: string[] = []
  const visit = (node: ts.Node) => {
    if (ts.isFunctionLike(node) && 'body' in node && node.body) {
      const first = source.getLineAndCharacterOfPosition(node.getStart()).line
      const last = source.getLineAndCharacterOfPosition(node.getEnd()).line
      if (last - first + 1 > 70) long.push(`${source.fileName}:${first + 1} (${last - first + 1} lines)`)
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return long
}

/** The code without its comments: an `@example` may print. */
function codeOf(name: string): string {
  return (sources.get(name) ?? '').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
}
