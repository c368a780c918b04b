// PostgreSQL groups: acts that come together, carried out by one statement.
import assert from 'node:assert/strict'
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

export interface ActGroups {
  /** Resolves with the act's outcome once it is committed. */
  carryOut: (act: GroupedAct) => Promise<TextRow>
  /** Sends at once what waits for its turn. */
  finish: () => void
}

/** A group keeps its rows locked until it commits, so that other instances wait for all of it: some ten milliseconds. */
const groupActsMax = 64

/** While one is committed on the server, the other is being carried out; with more of them each would be smaller. */
const groupsMax = 2

/** One that takes longer waits for a lock, or on a connection that hangs: the others go on without it. */
const groupMsMax = 1_000

/**
 * Groups acts: those that come in one turn of the event loop, and those that come while `groupsMax` groups are under way, share a
 * round trip and a transaction. Where an act fails, nothing of its group was kept, and the two halves are carried out each for
 * itself, until the act that fails is alone.
 *
 * @param track runs the work once the storage is open, and throws when it is closed.
 */
export function actGroups(
  query: Query,
  schema: string,
  track: (work: () => Promise<void>) => Promise<void>,
): ActGroups {
  const sql = `SELECT ${schema}.lava_group_1($1) AS outcomes`
  const waiting: Waiting[] = []
  let underWay = 0
  let turn: NodeJS.Immediate | undefined

  const outcomesOf = async (group: readonly Waiting[]): Promise<TextRow[]> => {
    const [row] = rowsOf(await query(sql, [group.map(linesOf).join('\n')], 'often'))
    assert.ok(row, 'a function answers with a row')
    const outcomes = textRowsIn(textOf(row, 'outcomes'))
    assert.equal(outcomes.length, group.length, 'each act has an outcome')
    return outcomes
  }
  const settle = async (group: readonly Waiting[]): Promise<void> => {
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
  const send = async (): Promise<void> => {
    const group = waiting.splice(0, groupActsMax).sort(byFirstLock)
    underWay++
    let isCounted = true
    const giveWay = () => {
      if (isCounted) underWay--
      isCounted = false
      sendSoon()
    }
    const late = setTimeout(giveWay, groupMsMax)
    try {
      await track(() => settle(group))
    } catch (error) {
      for (const { reject } of group) reject(error)
    } finally {
      clearTimeout(late)
      giveWay()
    }
  }
  const sendNow = (): void => {
    turn = undefined
    while (waiting.length > 0 && underWay < groupsMax) void send()
  }
  const sendSoon = (): void => {
    if (waiting.length > 0 && underWay < groupsMax) turn ??= setImmediate(sendNow)
  }
  return {
    carryOut: (act) =>
      new Promise((resolve, reject) => {
        waiting.push({ act, resolve, reject })
        sendSoon()
      }),
    finish() {
      clearImmediate(turn)
      turn = undefined
      while (waiting.length > 0) void send()
    },
  }
}

interface Waiting {
  act: GroupedAct
  resolve: (outcome: TextRow) => void
  reject: (error: unknown) => void
}

/** The acts of one customer stay in the order in which they came; all groups of all instances lock customers in the same order. */
function byFirstLock(one: Waiting, other: Waiting): number {
  if (one.act.firstLock === other.act.firstLock) return 0
  return one.act.firstLock < other.act.firstLock ? -1 : 1
}

function linesOf({ act }: Waiting): string {
  return `${JSON.stringify(act.values)}\n${act.record}`
}
