// An answer reader: the small state machine that finds the usage in the answers of one dialect.
import type { IncomingHttpHeaders } from 'node:http'
import type { Picked } from '../http/json-picker.ts'
import type { Picks } from '../http/picks.ts'
import type { Usage } from '../usage.ts'
import type { Call } from './call.ts'

/** What came before the answer's body. */
export interface AnswerHead {
  status: number
  headers: IncomingHttpHeaders
}

export interface AnswerReader {
  /**
   * Looks at one object of the answer: the body, or an event's data.
   *
   * @returns whether it told usage.
   */
  read(object: Picked): boolean
  /** What all objects said together. Asked once, at the end. */
  findings(): Findings
}

export interface Findings {
  /** As the provider told it, in our conventions; what it did not tell is absent. */
  usage: Usage
  /** Whether the provider has had its last word on the output: nothing is left to be estimated. */
  final: boolean
  /**
   * What takes the place of counts that the answer does not tell, guessed from the request. Null: the answer is text, and what
   * is missing is estimated from the text that came.
   */
  assumed: Usage | null
  /** What the provider says went wrong, at the start or in the middle of a 200. */
  error: string | null
  /** The work goes on; the usage will stand in the result, which is fetched later. */
  pending: boolean
  /** Why such an answer is not billed although nothing went wrong; null: it is billed. */
  unbilled: string | null
  model: string | null
  response_id: string | null
  /** The same work may be told of in several answers; it is billed once by this id. */
  dedupe_id: string | null
}

export interface ReaderRow {
  /** What is picked out of each object. `text` is what the caller receives, and is only counted. */
  picks: Picks
  open(call: Call, head: AnswerHead): AnswerReader
}

/** The findings of an answer that told nothing. */
export const nothingFound: Findings = {
  usage: {},
  final: false,
  assumed: null,
  error: null,
  pending: false,
  unbilled: null,
  model: null,
  response_id: null,
  dedupe_id: null,
}
