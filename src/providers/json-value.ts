// JSON values of a provider: looked at field by field, believed only where they are what they should be.

/** The value of a key; undefined when the value is no object or has no such key of its own. */
export function fieldOf(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
  return Reflect.get(value, key) as unknown
}

/** A count of tokens or calls; undefined when it is not a whole number from 0. */
export function countOf(value: unknown): number | undefined {
  return Number.isSafeInteger(value) && typeof value === 'number' && value >= 0 ? value : undefined
}

/** A quantity that may have a fraction (seconds, dollars); undefined when it is no finite number from 0. */
export function quantityOf(value: unknown): number | undefined {
  return Number.isFinite(value) && typeof value === 'number' && value >= 0 ? value : undefined
}

/** A text that says something. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as readonly unknown[]) : []
}

/** The sum of what is known; undefined when nothing is. */
export function sumOf(...counts: readonly (number | undefined)[]): number | undefined {
  let sum: number | undefined
  for (const count of counts) if (count !== undefined) sum = (sum ?? 0) + count
  return sum
}

/** The object without the fields that are undefined: absent is not zero, and not undefined either. */
export function present<T extends object>(fields: { [K in keyof T]: T[K] | undefined }): T
export function present(fields: Record<string, unknown>): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}
