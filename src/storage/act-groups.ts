// Act groups: acts that come together wait for their turn, and are carried out together.

/** An act in a group, and whoever waits for its answer. */
export interface Waiting<Act, Answer> {
  readonly act: Act
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: unknown) => void
}

export interface ActGroups<Act, Answer> {
  /** Resolves with the act's answer, once its group was carried out. */
  carryOut: (act: Act) => Promise<Answer>
  /** Sends at once what waits for its turn. */
  finish: () => void
  /** Rejects what waits for its turn. */
  rejectWaiting: (error: unknown) => void
}

/** Others on the server wait for all of a group: some milliseconds. */
const groupActsMax = 64

/** While one is on its way, the other is being carried out; with more of them each would be smaller. */
const groupsMax = 2

/**
 * Acts that come in one turn of the event loop, and those that come while `groupsMax` groups are under way, are one group, in the
 * order in which they came.
 *
 * @param carryOutGroup answers each of its acts; never rejects. It may call `giveWay` before it ends, where it waits for what
 * others need not wait for: they go on without it.
 */
export function actGroups<Act, Answer>(
  carryOutGroup: (group: Waiting<Act, Answer>[], giveWay: () => void) => Promise<void>,
): ActGroups<Act, Answer> {
  const waiting: Waiting<Act, Answer>[] = []
  let underWay = 0
  let turn: NodeJS.Immediate | undefined

  const send = async (): Promise<void> => {
    underWay++
    let isCounted = true
    const giveWay = (): void => {
      if (isCounted) underWay--
      isCounted = false
      sendSoon()
    }
    await carryOutGroup(waiting.splice(0, groupActsMax), giveWay)
    giveWay()
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
    rejectWaiting(error) {
      for (const { reject } of waiting.splice(0)) reject(error)
    },
  }
}
