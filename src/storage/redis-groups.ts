// Redis groups: acts that come together, carried out by one script in one round trip.
import assert from 'node:assert/strict'
import { scriptOf, type Redis, type Script } from './redis-client.ts'

/** The server does nothing else while it carries out a group: a few milliseconds. */
const groupActsMax = 32

/** While one is on its way, the other is being carried out; with more of them each would be smaller. */
const groupsMax = 2

interface Waiting {
  script: Script
  keys: readonly [string, ...string[]]
  args: readonly string[]
  resolve: (answer: string[]) => void
  reject: (error: unknown) => void
}

/**
 * Groups the acts that these scripts carry out. One that comes while nothing is under way goes at once; others that come in one
 * turn of the event loop, or while `groupsMax` groups are under way, share a script and a round trip. Each is carried out as if
 * alone, in the order in which they came, and one that fails fails alone. For one server: the keys of a group lie in many slots.
 */
export function grouped(redis: Redis, scripts: readonly Script[]): Redis {
  const groupScript = groupScriptOf(scripts)
  const waiting: Waiting[] = []
  let underWay = 0
  let turn: NodeJS.Immediate | undefined

  const answersTo = async (group: readonly Waiting[]): Promise<string[][]> => {
    const [first] = group
    if (!first || group.length === 1) return first ? [await redis.run(first.script, first.keys, first.args)] : []
    const [text = ''] = await redis.run(groupScript, [first.keys[0]], [textOf(group, scripts)])
    const answers: unknown = JSON.parse(text)
    assert.ok(areAnswers(answers) && answers.length === group.length, 'a group has an answer for each act')
    return answers
  }
  const carryOut = async (group: readonly Waiting[]): Promise<void> => {
    try {
      const answers = await answersTo(group)
      for (const [index, { resolve, reject }] of group.entries()) {
        const answer = answers[index] ?? []
        if (answer[0] === failed) reject(new Error(answer[1]))
        else resolve(answer)
      }
    } catch (error) {
      for (const { reject } of group) reject(error)
      // A single act's error may be its own. A group's is the connection's or the server's, and what waits would have been sent
      // by now if it were not for groups: it fails at once as well, in place of one group after the other.
      if (group.length > 1) for (const { reject } of waiting.splice(0)) reject(error)
    }
    underWay--
    sendSoon()
  }
  const sendNow = (): void => {
    clearImmediate(turn)
    turn = undefined
    while (waiting.length > 0 && underWay < groupsMax) {
      underWay++
      void carryOut(waiting.splice(0, groupActsMax))
    }
  }
  const sendSoon = (): void => {
    if (waiting.length > 0 && underWay < groupsMax) turn ??= setImmediate(sendNow)
  }
  return {
    ...redis,
    run(script, keys, args) {
      if (!scripts.includes(script)) return redis.run(script, keys, args)
      return new Promise((resolve, reject) => {
        waiting.push({ script, keys, args, resolve, reject })
        if (underWay === 0) sendNow()
        else sendSoon()
      })
    },
  }
}

/** A lone surrogate (no id has one) is sent as clients send it: the server's JSON knows none. */
function textOf(group: readonly Waiting[], scripts: readonly Script[]): string {
  return JSON.stringify(
    group.map(({ script, keys, args }) => [scripts.indexOf(script) + 1, keys, args.map(wellFormed)]),
  )
}

function wellFormed(text: string): string {
  return text.toWellFormed()
}

function areAnswers(value: unknown): value is string[][] {
  return Array.isArray(value) && value.every(isAnswer)
}

function isAnswer(value: unknown): boolean {
  return Array.isArray(value) && value.every((part) => typeof part === 'string')
}

const failed = 'failed'

/**
 * Each script as a function of its own keys and arguments, word for word. Only the first key is named to the server: an option of
 * the client may put a prefix in front of it, and then all the others have it too.
 */
function groupScriptOf(scripts: readonly Script[]): Script {
  return scriptOf(
    'local carry_out = {',
    ...scripts.map(({ lua }) => `function(KEYS, ARGV)\n${lua}\nend,`),
    '}',
    `
local group, answers = cjson.decode(ARGV[1]), {}
local front = string.sub(KEYS[1], 1, #KEYS[1] - #group[1][2][1])
for index, act in ipairs(group) do
  local place, keys, args = unpack(act)
  for at, key in ipairs(keys) do keys[at] = front .. key end
  local is_done, answer = pcall(carry_out[place], keys, args)
  if not is_done then answer = {'${failed}', type(answer) == 'table' and answer.err or answer} end
  answers[index] = answer
end
return {cjson.encode(answers)}
`,
  )
}
