// The PostgreSQL pool: what the host hands in, and one statement that is repeated when its connection was cut.
import { setTimeout as wait } from 'node:timers/promises'

/** What the storage uses of a `Pool` of the package `pg`, or of any other with these methods. */
export interface PostgresPool {
  /** Runs one statement on any connection. */
  query(text: string, values: unknown[]): Promise<{ rows: unknown[] }>
  /** Lends one connection, for the transaction that creates the tables. */
  connect(): Promise<PostgresConnection>
  /** While the storage is open it listens, since an `error` that nobody listens to would end the process. */
  on?(event: 'error', listener: (error: Error) => void): unknown
  off?(event: 'error', listener: (error: Error) => void): unknown
}

export interface PostgresConnection {
  query(text: string): Promise<{ rows: unknown[] }>
  /** With `true` the connection is not used again. */
  release(broken?: boolean): void
}

/** Runs a statement, with its values, and gives the rows. */
export type Query = (text: string, values: readonly unknown[]) => Promise<unknown[]>

const attemptsMax = 7
const firstPauseMs = 10

/**
 * Repeats a statement that the server undid to let another one through, and one whose connection was cut. The second may have
 * been carried out: each statement must be one that can be told from its repetition.
 */
export function repeatingQuery(pool: PostgresPool): Query {
  return async (text, values) => {
    for (let attempt = 1; ; attempt++) {
      try {
        return (await pool.query(text, [...values])).rows
      } catch (error) {
        if (codeOf(error) === numericOutOfRange)
          throw new RangeError('the amount does not fit 64 bits: nothing was stored', { cause: error })
        if (attempt === attemptsMax || !mayPass(error)) throw error
      }
      // Those that met in a deadlock or at a cut do not meet again at the same moment.
      await wait(firstPauseMs * 2 ** (attempt - 1) * (0.5 + Math.random()))
    }
  }
}

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

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}
