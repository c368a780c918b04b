// The PostgreSQL pool: what the host hands in, and one statement that is repeated when its connection was cut.
import { hash } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'

/** What the storage uses of a `Pool` of the package `pg`, or of any other with these methods. */
export interface PostgresPool {
  /** Runs one statement on any connection; with a `name` it is prepared once on each. */
  query(statement: { name?: string; text: string; values: unknown[] }): Promise<{ rows: unknown[] }>
  /** Lends one connection, for the transaction that creates the tables. */
  connect(): Promise<PostgresConnection>
  /** While the storage is open it listens, since an `error` that nobody listens to would end the process. */
  on?: PoolListening
  off?: PoolListening
}

interface PoolListening {
  (event: 'error', listener: (error: Error) => void): unknown
  /** A connection is lent, now: the promise of `connect` tells it later. */
  (event: 'acquire', listener: (connection: Pick<PostgresConnection, 'on' | 'off'>) => void): unknown
}

export interface PostgresConnection {
  query(text: string): Promise<{ rows: unknown[] }>
  /** With `true` the connection is not used again. */
  release(broken?: boolean): void
  on?(event: 'error', listener: (error: Error) => void): unknown
  off?(event: 'error', listener: (error: Error) => void): unknown
}

/** Runs a statement, with its values, and gives the rows. `often`: worth being kept prepared on every connection. */
export type Query = (text: string, values: readonly unknown[], often?: 'often') => Promise<unknown[]>

const attemptsMax = 7
const firstPauseMs = 10

/**
 * Repeats a statement that the server undid to let another one through, and one whose connection was cut. The second may have
 * been carried out: each statement must be one that can be told from its repetition.
 */
export function repeatingQuery(pool: PostgresPool): Query {
  // A proxy that lends connections by the transaction (PgBouncer before 1.21) or one session that several share (PGlite's socket)
  // mixes up prepared statements. It is told by an error before the statement runs; then all go unprepared.
  let isPreparing = true
  return async (text, values, often) => {
    for (let attempt = 1; ; attempt++) {
      const name = isPreparing && often && nameOf(text)
      try {
        return (await pool.query({ ...(name && { name }), text, values: [...values] })).rows
      } catch (error) {
        if (name && mixedUp.has(codeOf(error))) {
          isPreparing = false
          continue
        }
        if (codeOf(error) === numericOutOfRange)
          throw new RangeError('the amount does not fit 64 bits: nothing was stored', { cause: error })
        if (attempt === attemptsMax || !mayPass(error)) throw error
      }
      // Those that met in a deadlock or at a cut do not meet again at the same moment.
      await wait(firstPauseMs * 2 ** (attempt - 1) * (0.5 + Math.random()))
    }
  }
}

/** The same name never stands for two texts, whichever instances and schemas meet on a connection. */
function nameOf(text: string): string {
  return `lava_${hash('sha1', text)}`
}

/** Duplicate prepared statement, and none of that name. */
const mixedUp = new Set(['42P05', '26000'])

const numericOutOfRange = '22003'

/**
 * Serialization failure, deadlock, and a connection that the server or the network ended (PostgreSQL 15, appendix A). A server
 * that can't be reached at all is not among them: that is for the caller to bear.
 */
const passing = new Set(['40001', '40P01', '57P01', '57P02', '08000', '08003', '08006', 'ECONNRESET', 'EPIPE'])

/** What `pg` says, without a code, of a connection that ended under a statement or before it was sent. */
const cut = /^(Connection terminated( unexpectedly)?$|Client has encountered a connection error)/

function mayPass(error: unknown): boolean {
  return passing.has(codeOf(error)) || (error instanceof Error && cut.test(error.message))
}

/**
 * The classes of a value that does not fit, a constraint, a deadlock and what a function raises; a cancelled statement and a lock
 * that was not had in time. In each case nothing was kept, and the acts beside the one that is to blame may succeed without it.
 */
const ofOneAct = /^(?:(?:22|23|40|P0)...|57014|55P03)$/

/** Whether a statement that carries out several acts may have failed for the sake of one of them. */
export function mayBeOfOneAct(error: unknown): boolean {
  return error instanceof RangeError || ofOneAct.test(codeOf(error))
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}
