// JSON values of a provider: looked at field by field, believed only where they are what they should be.

/** The value of a key; undefined when the value is no object or has no such key of its own. */
export function fieldOf(value: unknown, key: string): unknown {
  return hasFields(value) && Object.hasOwn(value, key) ? value[key] : undefined
}

function hasFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

/** A count of tokens or calls; undefined when it is not a whole number from 0. */
export function countOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined
}

/** A quantity that may have a fraction (seconds, dollars); undefined when it is no finite number from 0. */
export function quantityOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined
}

/** A text that says something. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

/** The sum of what is known; undefined when nothing is. */
export function sumOf(...counts: readonly (number | undefined)[]): number | undefined {
  let sum: number | undefined
  for (const count of counts) if (count !== undefined) sum = (sum ?? 0) + count
  return sum
}

/** Messages go into records and logs; some providers put whole requests into theirs. */
const errorMessageLengthMax = 200

/** The message of an `error` field, which is an object at most providers and a text at some; undefined when it says no error. */
export function errorMessageOf(error: unknown): string | undefined {
  if (error === undefined || error === null || error === false) return undefined
  const message = textOf(error) ?? textOf(fieldOf(error, 'message')) ?? textOf(fieldOf(error, 'type')) ?? 'error'
  return message.slice(0, errorMessageLengthMax)
}
