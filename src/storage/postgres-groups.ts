// PostgreSQL groups: acts that come together, carried out by one statement.
import assert from 'node:assert/strict'
import { actGroups, type ActGroups, type Waiting } from './act-groups.ts'
import { textRowsIn, rowsOf, textOf, type TextRow } from './postgres-columns.ts'
import { mayBeOfOneAct, type Query } from './postgres-pool.ts'

/** One act as the function on the server takes it. */
export interface GroupedAct {
  /** Names the row that the act locks first: the payer's, or without one the request's. */
  firstLock: string
  /** What its function takes, but for the record. */
  values: readonly (string | number | boolean | null)[]
  /** JSON text. */
  record: string
}

/** One that takes longer waits for a lock, or on a connection that hangs: the others go on without it. */
const groupMsMax = 1_000

export type PostgresGroups = Pick<ActGroups<GroupedAct, TextRow>, 'carryOut' | 'finish'>

/**
 * Acts that share a round trip and a transaction, and resolve once it is committed. All rows that a group writes stay locked until
 * then. Where an act fails, nothing of its group was kept, and the two halves are carried out each for itself, until the act that
 * fails is alone.
 *
 * @param track runs the work once the storage is open, and throws when it is closed.
 */
export function groupsOn(
  query: Query,
  schema: string,
  track: (work: () => Promise<void>) => Promise<void>,
): PostgresGroups {
  const sql = `SELECT ${schema}.lava_group_1($1) AS outcomes`

  const outcomesOf = async (group: readonly Act[]): Promise<TextRow[]> => {
    const [row] = rowsOf(await query(sql, [group.map(linesOf).join('\n')], 'often'))
    assert.ok(row, 'a function answers with a row')
    const outcomes = textRowsIn(textOf(row, 'outcomes'))
    assert.equal(outcomes.length, group.length, 'each act has an outcome')
    return outcomes
  }
  const settle = async (group: readonly Act[]): Promise<void> => {
    try {
      const outcomes = await outcomesOf(group)
      for (const [index, outcome] of outcomes.entries()) group[index]?.resolve(outcome)
    } catch (error) {
      if (group.length > 1 && mayBeOfOneAct(error)) {
        const middle = group.length >> 1
        await Promise.all([settle(group.slice(0, middle)), settle(group.slice(middle))])
      } else for (const { reject } of group) reject(error)
    }
  }
  return actGroups(async (group, giveWay) => {
    group.sort(byFirstLock)
    const late = setTimeout(giveWay, groupMsMax)
    try {
      await track(() => settle(group))
    } catch (error) {
      for (const { reject } of group) reject(error)
    } finally {
      clearTimeout(late)
    }
  })
}

type Act = Waiting<GroupedAct, TextRow>

/** The acts of one customer stay in the order in which they came; all groups of all instances lock customers in the same order. */
function byFirstLock(one: Act, other: Act): number {
  if (one.act.firstLock === other.act.firstLock) return 0
  return one.act.firstLock < other.act.firstLock ? -1 : 1
}

function linesOf({ act }: Act): string {
  return `${JSON.stringify(act.values)}\n${act.record}`
}
