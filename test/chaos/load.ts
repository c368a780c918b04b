// The load of a chaos run: calls, aborted calls, reports and top-ups, by some callers at once, each sent through any process.
import { setTimeout as wait } from 'node:timers/promises'
import { formatMoney, money } from '../../src/money.ts'
import type { Behaviour } from '../../src/testing/mock-provider.ts'
import { sendCall, sendJson, type CallPlan } from './client.ts'
import type { CallEvidence, CreditEvidence, ReportEvidence } from './evidence.ts'
import type { Instances } from './instances.ts'
import type { Random } from './random.ts'
import { customers, type Customer } from './scene.ts'

export interface Load {
  calls: Map<string, CallEvidence>
  reports: Map<string, ReportEvidence>
  credits: Map<string, CreditEvidence>
  /** How the provider answers a call, by its marker. */
  behaviours: Map<string, Behaviour>
  /** No new work. */
  stop(): void
  /** Resolves when all work that was begun is answered. */
  done: Promise<void>
}

const callers = 10
const callKinds = ['plain', 'plain', 'plain', 'stream', 'stream', 'stream', 'left early', 'left midway', 'left midway', 'refused', 'cut', 'keyed'] as const // prettier-ignore
type CallKind = (typeof callKinds)[number]

export function startLoad(instances: Instances, random: Random): Load {
  const load: Omit<Load, 'done'> & { going: boolean; number: number } = {
    calls: new Map(),
    reports: new Map(),
    credits: new Map(),
    behaviours: new Map(),
    going: true,
    number: 0,
    stop() {
      load.going = false
    },
  }
  const name = (what: string): string => `${what}-${++load.number}`

  async function caller(): Promise<void> {
    while (load.going) {
      const dice = random.next()
      const customer = random.pick(customers)
      if (dice < 0.07) await topUp(customer)
      else if (dice < 0.25) await report(random.pick(customers.filter(({ steady }) => !steady)))
      else await call(customer, random.pick(callKinds))
      await wait(random.between(0, 15))
    }
  }

  async function anyPort(): Promise<number> {
    return random.pick(await instances.up()).port
  }

  async function call(customer: Customer, kind: CallKind): Promise<void> {
    const marker = name('call')
    const output_tokens = customer.steady ? 40 : random.between(1, 120)
    const streams = kind === 'stream' || kind === 'left midway' || (kind !== 'plain' && random.chance(0.5))
    load.behaviours.set(marker, behaviourOf(kind, output_tokens, random))
    const evidence: CallEvidence = { customer: customer.id, keyed: kind === 'keyed', kind, attempts: [] }
    load.calls.set(marker, evidence)
    const plan: CallPlan = {
      marker,
      customer,
      streams,
      // A customer that is not steady may get a longer answer than was held for.
      max_tokens: customer.steady ? 40 : random.between(10, 60),
      key: kind === 'keyed' ? `key-${marker}` : null,
      leaves: kind === 'left early' ? { afterMs: random.between(0, 30) } : kind === 'left midway' ? 'at the first bytes' : null, // prettier-ignore
    }
    const send = async () => evidence.attempts.push(await sendCall(await anyPort(), plan))
    if (kind !== 'keyed') await send()
    else {
      await Promise.all([send(), send()])
      await send()
    }
  }

  async function report(customer: Customer): Promise<void> {
    const request_id = name('report')
    const evidence: ReportEvidence = {
      customer: customer.id,
      input_tokens: random.between(0, 60),
      output_tokens: random.between(0, 60),
      answers: [],
      answersToOthers: [],
    }
    load.reports.set(request_id, evidence)
    const { input_tokens, output_tokens } = evidence
    const body = { request_id, customer_id: customer.id, meter_slug: customer.meter.meter_slug, model: 'chaos-1', provider: 'openai', input_tokens, output_tokens } // prettier-ignore
    const send = async () => void evidence.answers.push(await untilAnswered('/v1/requests', body))
    await Promise.all(Array.from({ length: random.pick([1, 1, 2, 4]) }, send))
    if (random.chance(0.3)) await send()
    if (!random.chance(0.2)) return
    const other = await untilAnswered('/v1/requests', { ...body, output_tokens: output_tokens + 1 })
    evidence.answersToOthers.push(other.status)
  }

  async function topUp(customer: Customer): Promise<void> {
    const entry_id = name('payment')
    // All ten decimals are used; so little that the balance is often spent.
    const evidence: CreditEvidence = { customer: customer.id, amount: money(BigInt(random.between(1, 220_000_000))), credited: 0 } // prettier-ignore
    load.credits.set(entry_id, evidence)
    const body = { customer_id: customer.id, amount: formatMoney(evidence.amount), entry_id }
    const send = async () => {
      const answer = await untilAnswered('/top-up', body)
      if (answer.status === 200 && answer.body.includes('"credited":true')) evidence.credited++
    }
    await Promise.all(Array.from({ length: random.pick([1, 1, 3]) }, send))
  }

  /** Work that was done must be told: whoever reports or pays repeats it until it is answered. */
  async function untilAnswered(path: string, body: object): Promise<{ status: number; body: string }> {
    for (;;) {
      const answer = await sendJson(await anyPort(), path, body)
      if (answer && answer.status < 500) return answer
      await wait(20)
    }
  }

  const done = Promise.all(Array.from({ length: callers }, caller)).then(() => undefined)
  return Object.assign(load, { done })
}

function behaviourOf(kind: CallKind, outputTokens: number, random: Random): Behaviour {
  const behaviour: Behaviour = {
    inputTokens: random.between(1, 25),
    outputTokens,
    delayMs: random.between(0, 40),
    events: random.between(2, 6),
    eventDelayMs: random.between(0, 15),
  }
  if (kind === 'refused') return { ...behaviour, status: random.pick([400, 429, 500, 503]) }
  if (kind === 'cut') return { ...behaviour, cutBody: true, cutAfterEvents: random.between(1, 3) }
  return behaviour
}
