// A reading: what an answer is billed as, put together from what the provider told and what was seen to pass.
import type { Usage } from '../usage.ts'
import type { Findings } from './answer-reader.ts'
import type { Call } from './call.ts'

export interface Reading {
  billable: boolean
  /** Nobody here can read such an answer: whether the provider bills it is not known. */
  unread: boolean
  /** Why it is not billable, or why it is estimated; null: it is billed as told. */
  reason: string | null
  /** The provider said that something went wrong. What was told or given before is billed all the same. */
  error: boolean
  /** The work goes on; its result will tell the usage. */
  pending: boolean
  estimated: boolean
  /** The answer came whole. */
  complete: boolean
  /** As the answer names it. */
  model: string | null
  response_id: string | null
  /** Several answers may tell of the same work; it is billed once by this id. */
  dedupe_id: string | null
  /** What the provider told, and of a text that it told nothing about, what was counted as it passed. */
  usage: Usage
  /** What nothing in the answer tells, guessed from the request: the input tokens of an embedding, the seconds of an upload. */
  assumed: Usage
}

/** What passed by, apart from what it said. */
export interface Passage {
  /** No object in it: nothing, or nothing that an API would answer. */
  empty: boolean
  /** Not one byte. */
  silent: boolean
  /** All of it could be read: unpacked and scanned. */
  readable: boolean
  complete: boolean
  /** The usage was read from an object that was cut off. */
  salvaged: boolean
  /** Why a client could not read on, apart from an error that the provider told. */
  failure: string | null
  /** About how many tokens of text the caller was given; asked only where the provider does not tell. */
  deliveredTokens: () => number
}

export function readingOf(call: Call, findings: Findings, passage: Passage): Reading {
  const { complete } = passage
  const { usage, model, response_id, dedupe_id } = findings
  const failure = findings.error ?? passage.failure
  const reading = { error: failure !== null, pending: false, unread: false, estimated: false, complete, model, response_id, dedupe_id, assumed: {} } // prettier-ignore
  const unbilled = (reason: string) => ({ ...reading, billable: false, reason, usage: {} })
  if (findings.pending)
    return { ...unbilled('the work goes on in the background'), pending: true, dedupe_id: dedupe_id ?? response_id }
  if (findings.unbilled !== null) return unbilled(findings.unbilled)
  if (complete && passage.silent) return { ...unbilled('the answer is empty'), error: true }
  if (findings.final) {
    // A sum of lines that was cut off lacks those that did not come.
    const cutSum = !complete && usage.summed_requests !== undefined
    const reason = passage.salvaged || cutSum ? 'the answer was cut off after it told its usage' : failure
    return { ...reading, billable: true, estimated: passage.salvaged || cutSum, reason, usage }
  }
  const { assumed } = findings
  if (assumed !== null && failure === null)
    return { ...reading, billable: true, estimated: true, reason: whyEstimated(passage, failure), usage, assumed }
  const deliveredTokens = passage.deliveredTokens()
  // An error before any output is not billed by the providers, one in the middle of the output is.
  if (failure !== null && deliveredTokens === 0) return unbilled(failure)
  if (complete && passage.empty) return { ...unbilled('there is no JSON in the answer'), error: true }
  return {
    ...reading,
    billable: true,
    estimated: true,
    reason: whyEstimated(passage, failure),
    usage: {
      ...withoutCost(usage),
      input_tokens: usage.input_tokens ?? call.input_tokens_estimate,
      output_tokens: Math.max(usage.output_tokens ?? 0, deliveredTokens),
    },
  }
}

function whyEstimated({ readable, complete }: Passage, failure: string | null): string {
  if (failure !== null) return `no usage before the error: ${failure}`
  if (!readable) return 'the answer could not be unpacked'
  return complete ? 'the provider told no usage' : 'the answer was cut off before it told its usage'
}

/** What it had cost until the cut is not what it costs. */
function withoutCost(usage: Usage): Usage {
  const rest = { ...usage }
  delete rest.cost_usd_reported
  return rest
}
