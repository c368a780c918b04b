// SQLite columns: statements prepared, and values of a row read back as what was written, or an error.
import assert from 'node:assert/strict'
import type { DatabaseSync, SQLOutputValue, StatementSync } from 'node:sqlite'
import { money, type Money } from '../money.ts'

/** Prepares a statement that reads integers as bigint. */
export type Prepare = (sql: string) => StatementSync

/** Integers come out as bigint: as numbers, those above 2^53 would lose their last digits. */
export function preparing(database: DatabaseSync): Prepare {
  return (sql) => {
    const statement = database.prepare(sql)
    statement.setReadBigInts(true)
    return statement
  }
}

/** A row as `node:sqlite` hands it out, integers as bigint. */
export type Columns = Record<string, SQLOutputValue>

export function textOf(row: Columns, column: string): string {
  const value = row[column]
  assert.ok(typeof value === 'string', `${column} is text`)
  return value
}

export function textOrNull(row: Columns, column: string): string | null {
  return row[column] === null ? null : textOf(row, column)
}

export function integerOf(row: Columns, column: string): bigint {
  const value = row[column]
  assert.ok(typeof value === 'bigint', `${column} is an integer`)
  return value
}

export function moneyOf(row: Columns, column: string): Money {
  return money(integerOf(row, column))
}

export function numberOf(row: Columns, column: string): number {
  const value = row[column]
  if (typeof value === 'number') return value
  return Number(integerOf(row, column))
}

export function numberOrNull(row: Columns, column: string): number | null {
  return row[column] === null ? null : numberOf(row, column)
}
