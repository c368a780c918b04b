// SQLite groups: the acts of one turn of the event loop, carried out in one transaction.
import type { DatabaseSync } from 'node:sqlite'
import type { Plan } from './tables.ts'
import type { Prepare } from './sqlite-columns.ts'
import type { SqliteLog } from './sqlite-log.ts'
import type { SqliteMemory } from './sqlite-memory.ts'

export interface SqliteGroups {
  /**
   * Resolves once the act is committed, and on the disk if there is a log to flush. Rejects when nothing of it was kept, or when it
   * is not known to be on the disk.
   */
  carryOut: <Outcome>(plan: () => Plan<Outcome>) => Promise<Outcome>
  /** Carries out at once what waits for the end of the turn. */
  finish: () => void
}

/** The event loop stands still for a group: at this size for two to four milliseconds, more when it has to write the log back. */
const groupActsMax = 128

/**
 * So many acts are committed while a flush is under way; more of them wait for its end, since the next one can't begin before that:
 * 45 acts share a COMMIT at 64 calls in flight, 32 without the wait (measured in November 2026). Few don't, for the sake of those
 * whose callers wait for the disk themselves.
 */
const fewActs = 4

/**
 * Groups acts: those that come in one turn of the event loop share one transaction, and so the cost of its COMMIT. An act that
 * throws fails alone. When COMMIT fails, all of its group do.
 *
 * @param log null: SQLite flushes it in COMMIT, or not at all.
 */
export function sqliteGroups(
  database: DatabaseSync,
  prepare: Prepare,
  memory: SqliteMemory,
  log: SqliteLog | null,
): SqliteGroups {
  const commit = committing(database, prepare, memory, log)
  const waiting: Waiting[] = []
  let turn: NodeJS.Immediate | undefined

  const transaction = (acts: readonly Waiting[]): void => {
    commit(acts)
    if (log) settleFlushed(acts, log, goOn)
    else settleAll(acts)
  }
  const oneByOne = (acts: readonly Waiting[]): void => {
    for (const [index, act] of acts.entries())
      try {
        transaction([act])
      } catch (error) {
        // Not the act's own fault; the others would each wait for the same lock, and the event loop with them.
        if (!(error instanceof ActFailed)) return rejectAll(acts.slice(index), error)
        act.reject(error.cause)
      }
  }
  const group = (acts: readonly Waiting[]): void => {
    try {
      transaction(acts)
    } catch (error) {
      if (error instanceof ActFailed) oneByOne(acts)
      else rejectAll(acts, error)
    }
  }
  const step = (): void => group(waiting.splice(0, groupActsMax))
  const next = (): void => {
    turn = undefined
    // The end of the flush goes on with them.
    if (log?.isBusy && waiting.length > fewActs) return
    step()
    goOn()
  }
  const goOn = (): void => {
    if (waiting.length > 0) turn ??= setImmediate(next)
  }
  return {
    carryOut: (plan) =>
      new Promise((resolve, reject) => {
        waiting.push(new WaitingAct(plan, resolve, reject))
        goOn()
      }),
    finish() {
      clearImmediate(turn)
      turn = undefined
      while (waiting.length > 0) step()
    },
  }
}

/** Attempts acts and commits them; throws when all of that is undone. */
function committing(database: DatabaseSync, prepare: Prepare, memory: SqliteMemory, log: SqliteLog | null) {
  const begin = prepare('BEGIN IMMEDIATE')
  const commit = prepare('COMMIT')
  return (acts: readonly Waiting[]): void => {
    begin.run()
    try {
      log?.mend()
      memory.begin()
      for (const act of acts) act.attempt()
      orActFailed(() => memory.flush())
      commit.run()
    } catch (error) {
      memory.forget()
      rollBack(database, error)
      throw error
    } finally {
      memory.end()
    }
  }
}

function settleFlushed(acts: readonly Waiting[], log: SqliteLog, goOn: () => void): void {
  const flushed = log.flushed()
  // While the disk is broken nobody is told before: no call shall be made that is refused afterwards.
  const later = log.isFailing ? acts : acts.filter((act) => !act.settleBefore(flushed))
  flushed.then(
    () => {
      settleAll(later)
      goOn()
    },
    (error: unknown) => {
      rejectAll(later, error)
      goOn()
    },
  )
}

/**
 * Ends a transaction that failed. SQLite itself ends one whose disk is full or broken.
 *
 * @throws AggregateError when it can't be rolled back.
 */
export function rollBack(database: DatabaseSync, cause: unknown): void {
  try {
    database.exec('ROLLBACK')
  } catch (error) {
    if (error instanceof Error && error.message.includes('no transaction is active')) return
    throw new AggregateError([cause, error], 'a transaction failed and could not be rolled back', { cause })
  }
}

/** A write broke off, or SQLite may have ended the transaction: which act is to blame shows when each is tried alone. */
class ActFailed extends Error {
  constructor(cause: unknown) {
    super('an act of the group could not be carried out', { cause })
  }
}

interface Waiting {
  /** @throws ActFailed when the transaction can't go on. */
  attempt: () => void
  /** Tells the caller; to be called once it is durable. */
  settle: () => void
  /** Tells a caller who waits for the disk himself; to be called after COMMIT. False: it is no such caller. */
  settleBefore: (durable: Promise<void>) => boolean
  reject: (error: unknown) => void
}

function settleAll(acts: readonly Waiting[]): void {
  for (const act of acts) act.settle()
}

function rejectAll(acts: readonly Waiting[], error: unknown): void {
  for (const act of acts) act.reject(error)
}

/** One object an act: closures in its place are garbage for every call. */
class WaitingAct<Outcome> implements Waiting {
  readonly #plan: () => Plan<Outcome>
  readonly #resolve: (outcome: Outcome) => void
  readonly reject: (error: unknown) => void
  #planned: Plan<Outcome> | null = null
  #refusal: unknown = null

  constructor(plan: () => Plan<Outcome>, resolve: (outcome: Outcome) => void, reject: (error: unknown) => void) {
    this.#plan = plan
    this.#resolve = resolve
    this.reject = reject
  }

  attempt(): void {
    this.#planned = null
    try {
      this.#planned = this.#plan()
    } catch (error) {
      if (isOfSqlite(error)) throw new ActFailed(error)
      this.#refusal = error
    }
    const write = this.#planned?.write
    if (write) orActFailed(write)
  }

  settle(): void {
    if (this.#planned) this.#resolve(this.#planned.outcome)
    else this.reject(this.#refusal)
  }

  settleBefore(durable: Promise<void>): boolean {
    const outcome = this.#planned?.beforeDurable?.(durable)
    if (outcome === undefined) return false
    this.#resolve(outcome)
    return true
  }
}

function orActFailed(write: () => void): void {
  try {
    write()
  } catch (error) {
    throw new ActFailed(error)
  }
}

function isOfSqlite(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_SQLITE_ERROR'
}
