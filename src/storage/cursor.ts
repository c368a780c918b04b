// The paging cursor: the place of a page's last row in the order of writing, opaque to callers.

const placed = /^row:([1-9]\d{0,14})$/

/** `sequence` is a positive whole number that only grows from row to row. */
export function cursorAfter(sequence: number): string {
  return Buffer.from(`row:${sequence}`).toString('base64url')
}

/** The sequence in a cursor, or null when no storage of ours made it. */
export function sequenceOf(cursor: string): number | null {
  const digits = placed.exec(Buffer.from(cursor, 'base64url').toString())?.[1]
  if (digits === undefined) return null
  const sequence = Number(digits)
  // Node's decoder skips what is not base64, so that other texts read the same.
  return cursorAfter(sequence) === cursor ? sequence : null
}
