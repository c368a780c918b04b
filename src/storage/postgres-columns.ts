// PostgreSQL columns: every value is asked for as text, so that no type parser of the host's stands between.
import assert from 'node:assert/strict'
import { money, type Money } from '../money.ts'
import type { Balance } from '../ledger/balance.ts'

/** A row whose columns are text or null. */
export type TextRow = Readonly<Record<string, string | null>>

export function rowsOf(rows: unknown[]): TextRow[] {
  assert.ok(rows.every(isTextRow), 'every column is text')
  return rows
}

/** The rows that a function gives as one JSON array. */
export function textRowsIn(json: string): TextRow[] {
  const rows: unknown = JSON.parse(json)
  assert.ok(Array.isArray(rows), 'rows are an array')
  return rowsOf(rows)
}

// By hand: every act and every row of a page comes by here.
function isTextRow(row: unknown): row is TextRow {
  return typeof row === 'object' && row !== null && Object.values(row).every(isTextOrNull)
}

function isTextOrNull(value: unknown): boolean {
  return typeof value === 'string' || value === null
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
