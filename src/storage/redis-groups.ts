// Redis groups: acts that come together, carried out by one script in one round trip.
import assert from 'node:assert/strict'
import { actGroups, type Waiting } from './act-groups.ts'
import { scriptOf, type Redis, type Script } from './redis-client.ts'

/** One script's run. */
interface Run {
  /** The script's number in the group's. */
  place: number
  script: Script
  keys: readonly [string, ...string[]]
  args: readonly string[]
}

type Act = Waiting<Run, string[]>

/**
 * Groups the acts that these scripts carry out, so that they share a script and a round trip. Each is carried out as if alone, and
 * one that fails fails alone. For one server: the keys of a group lie in many slots. The server does nothing else meanwhile.
 */
export function grouped(redis: Redis, scripts: readonly Script[]): Redis {
  const groupScript = groupScriptOf(scripts)

  const answersTo = async (group: readonly Act[]): Promise<string[][]> => {
    const [first] = group
    if (!first) return []
    const { script, keys, args } = first.act
    if (group.length === 1) return [await redis.run(script, keys, args)]
    const [text = ''] = await redis.run(groupScript, [keys[0]], argsOf(group))
    const answers: unknown = JSON.parse(text)
    assert.ok(areAnswers(answers) && answers.length === group.length, 'a group has an answer for each act')
    return answers
  }
  const groups = actGroups<Run, string[]>(async (group) => {
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
      if (group.length > 1) groups.rejectWaiting(error)
    }
  })
  return {
    ...redis,
    run(script, keys, args) {
      const place = scripts.indexOf(script) + 1
      return place === 0 ? redis.run(script, keys, args) : groups.carryOut({ place, script, keys, args })
    },
  }
}

/**
 * What the acts are given as JSON, but for the last argument of each: mostly the record, JSON already, which would be gone through
 * twice more only to put backslashes in front of its quotation marks and to take them away again. They follow as they are, one
 * behind the other.
 */
function argsOf(group: readonly Act[]): [acts: string, last: string] {
  let last = ''
  const acts = group.map(({ act: { place, keys, args } }) => {
    const text = wellFormed(args.at(-1) ?? '')
    last += text
    return [place, Buffer.byteLength(text), keys, args.slice(0, -1)] as const
  })
  const text = JSON.stringify(acts)
  if (!text.includes('\\ud')) return [text, last]
  // A lone surrogate (no id has one) is sent as clients send it: the server's JSON knows none.
  return [JSON.stringify(acts.map(([place, bytes, keys, args]) => [place, bytes, keys, args.map(wellFormed)])), last]
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
local group, from, answers = cjson.decode(ARGV[1]), 1, {}
local front = string.sub(KEYS[1], 1, #KEYS[1] - #group[1][3][1])
for index, act in ipairs(group) do
  local place, bytes, keys, args = unpack(act)
  for at, key in ipairs(keys) do keys[at] = front .. key end
  args[#args + 1] = string.sub(ARGV[2], from, from + bytes - 1)
  from = from + bytes
  local is_done, answer = pcall(carry_out[place], keys, args)
  if not is_done then answer = {'${failed}', type(answer) == 'table' and answer.err or answer} end
  answers[index] = answer
end
return {cjson.encode(answers)}
`,
  )
}
