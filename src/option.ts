// Options and inputs: checked once, with the mend in the message.
import { z } from 'zod'
import { GatewayError } from './errors.ts'

/**
 * Parses what a host handed in. The host's own object is never written to.
 *
 * @param owner names the factory in the message: `lavaGateway`, `sqliteStorage`.
 * @throws TypeError that names the option, what was wrong, and for an unknown key the nearest known one.
 */
export function parseOptions<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  owner: string,
): Readonly<z.output<Schema>> {
  const result = schema.safeParse(value)
  if (!result.success)
    throw new TypeError(`${owner}: ${result.error.issues.map((issue) => describe(issue, schema)).join('; ')}`)
  return Object.freeze(result.data)
}

/**
 * Parses what a caller sent.
 *
 * @throws GatewayError `invalid_request` that names each wrong field.
 */
export function parseInput<Schema extends z.ZodType>(schema: Schema, value: unknown, what: string): z.output<Schema> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const problems = result.error.issues.map((issue) =>
    issue.path.length > 0 ? `${issue.path.map(String).join('.')}: ${issue.message}` : issue.message,
  )
  throw new GatewayError('invalid_request', `${what} is not valid: ${problems.join('; ')}.`)
}

/** The known word nearest to a mistyped one, or null when none is near. */
export function nearestWord(word: string, known: readonly string[]): string | null {
  let nearest: string | null = null
  let nearestDistance = Math.max(2, Math.floor(word.length / 3)) + 1
  for (const candidate of known) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase())
    if (distance < nearestDistance) [nearest, nearestDistance] = [candidate, distance]
  }
  return nearest
}

function describe(issue: z.core.$ZodIssue, schema: z.ZodType): string {
  const at = issue.path.map(String).join('.')
  if (issue.code !== 'unrecognized_keys') return at ? `option \`${at}\`: ${issue.message}` : issue.message
  return issue.keys
    .map((key) => {
      const known = keysAt(schema, issue.path)
      const nearest = nearestWord(key, known)
      const mend = nearest ? `did you mean \`${nearest}\`?` : `known here: ${known.join(', ')}`
      return `unknown option \`${at ? `${at}.` : ''}${key}\`; ${mend}`
    })
    .join('; ')
}

function keysAt(schema: unknown, path: readonly PropertyKey[]): string[] {
  const bare = unwrapped(schema)
  const [head, ...rest] = path
  if (head === undefined) return bare instanceof z.ZodObject ? Object.keys(bare.shape) : []
  if (bare instanceof z.ZodObject) return keysAt(bare.shape[String(head)], rest)
  if (bare instanceof z.ZodRecord) return keysAt(bare.valueType, rest)
  if (bare instanceof z.ZodArray) return keysAt(bare.element, rest)
  return []
}

function unwrapped(schema: unknown): unknown {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable || schema instanceof z.ZodDefault)
    return unwrapped(schema.unwrap())
  return schema instanceof z.ZodPipe ? unwrapped(schema.in) : schema
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const substitute = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(substitute, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}
