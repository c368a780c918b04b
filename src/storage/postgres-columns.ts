// PostgreSQL columns: every value is asked for as text, so that no type parser of the host's stands between.
import assert from 'node:assert/strict'
import { z } from 'zod'
import { money, type Money } from '../money.ts'
import type { Balance } from '../ledger/balance.ts'

/** A row whose columns are text or null. */
export type TextRow = Readonly<Record<string, string | null>>

const textRow = z.record(z.string(), z.string().nullable())

export function rowsOf(rows: readonly unknown[]): TextRow[] {
  return rows.map((row) => textRow.parse(row))
}

export function textOf(row: TextRow, column: string): string {
  const value = row[column]
  assert.ok(typeof value === 'string', `${column} is text`)
  return value
}

export function moneyOf(row: TextRow, column: string): Money {
  return money(BigInt(textOf(row, column)))
}

/** Of the columns `cycle`, `bundle` and `held`. */
export function balanceOf(row: TextRow): Balance {
  return { cycle: moneyOf(row, 'cycle'), bundle: moneyOf(row, 'bundle'), held: moneyOf(row, 'held') }
}

/** PostgreSQL's text has no U+0000, and its encoding would give every lone surrogate the same bytes. */
export function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\u0000')
}

/** Refuses an id that would not be read back as it was written. */
export function checkTexts(...texts: readonly (string | null | undefined)[]): void {
  for (const text of texts)
    assert.ok(isStorable(text ?? ''), 'an id is well-formed Unicode without the character U+0000')
}
